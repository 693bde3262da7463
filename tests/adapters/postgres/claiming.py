"""Functions that hand out what is due: as they were at first, and how they are carried out."""

import re

from adapters.postgres.migrate import files


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
        text = re.sub(rf"\b{name}\b", f"${number}", text)
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
