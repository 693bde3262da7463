"""Functions that hand out what is due: queues for them, what they were at first, their plans."""

import re
from datetime import timedelta
from uuid import UUID

from adapters.postgres.migrate import files
from tests.contract.tenants import NOW


def drawn(chance, connection):
    """Places in a queue as there may be one: due, due later, leased, or leased long ago."""
    instants = [NOW - timedelta(seconds=number) for number in range(chance.choice([2, 5, 50]))]
    (clock,) = connection.execute("SELECT clock_timestamp()").fetchone()
    leases = [None] * 6 + [clock - timedelta(hours=1), clock + timedelta(hours=1)]
    idle = chance.random()
    for _ in range(chance.choice([0, 1, 2, 3, 4, 5, 8, 30])):
        organisation = UUID(int=chance.getrandbits(128))
        is_idle = chance.random() < idle
        for _ in range(chance.choice([1, 1, 2, 5, 20])):
            yield {
                "organisation": organisation,
                "due_at": NOW + timedelta(seconds=9) if is_idle else chance.choice(instants),
                "id": UUID(int=chance.getrandbits(128)),
                "lease_until": chance.choice(leases),
            }


def first_text(migration, function):
    """*function* of `narrow` as that migration made it, under the name ``first_…``."""
    (text,) = (each.text.decode() for each in files() if each.name.startswith(migration))
    pattern = rf"CREATE FUNCTION narrow\.{function}\(.*?\$\$;"
    (found,) = re.findall(pattern, text, re.DOTALL)
    return found.replace(f"narrow.{function}(", f"narrow.first_{function}(")


def planned(connection, signature, names, arguments):
    """The plan of the function's statement that is kept, with the settings the function has.

    *names* of its parameters, and *arguments* to ask with, in the order of *signature*.
    """
    text, settings = connection.execute(
        "SELECT prosrc, proconfig FROM pg_proc WHERE oid = %s::regprocedure", [signature]
    ).fetchone()
    for number, name in enumerate(names, start=1):
        # Not where it is a table's.
        text = re.sub(rf"(?<!\.)\b{name}\b", f"${number}", text)
    for setting in [*settings, "plan_cache_mode=force_generic_plan"]:
        connection.execute(
            "SELECT set_config(%s, %s, true)",
            [setting.partition("=")[0], setting.partition("=")[2]],
        )
    types = signature.partition("(")[2]
    connection.execute(f"PREPARE claim ({types} AS {text}")
    found = connection.execute(f"EXPLAIN (VERBOSE, COSTS OFF) EXECUTE claim ({arguments})")
    return "\n".join(line for (line,) in found)


def scans(plan, table):
    """How the plan reads *table*, as often as it does."""
    return re.findall(rf"(\S+ Scan|Scan using \w+) on public\.{table}\b", plan)
