"""What is going to be asked, found with fewer statements than it will be asked with.

Each answer is what the repository's own statement would find; a test holds the one against the
other.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from psycopg.rows import DictRow

from adapters.postgres import queries
from adapters.postgres.statements import Statement
from application.ports.storage.foreseen import Foreseen
from domain.identifiers import Prefix, parse_id

_FOREKNOWN = queries.load("foreknown.sql")
_ABUSE = queries.load("abuse.sql")
_ACCESS = queries.load("access.sql")
_ACCOUNTS = queries.load("accounts.sql")
_APPROVALS = queries.load("approvals.sql")
_BILLING = queries.load("billing.sql")
_LEDGER = queries.load("ledger.sql")
_LICENCE = queries.load("licence.sql")
_PEOPLE = queries.load("people.sql")
_SIGNERS = queries.load("signers.sql")

_Answer = tuple[Statement, list[DictRow]]


def questions(foreseen: Foreseen) -> Sequence[Statement]:
    organisation = {"family": foreseen.family.value, "live": foreseen.live, "key": _key(foreseen)}
    return (
        (_FOREKNOWN["organisation"], organisation),
        (_FOREKNOWN["treasury"], {"network": foreseen.network}),
        (_ABUSE["select_spendings"], {"subjects": list(foreseen.spenders)}),
        (_LEDGER["granted"], {"facts": list(foreseen.facts)}),
    )


def answers(foreseen: Foreseen, found: Sequence[list[DictRow]]) -> Iterator[_Answer]:
    """What follows from what `questions` have *found*, but for what they are themselves."""
    organisation, treasury, *_ = found
    if organisation:
        yield from _of_organisation(foreseen, organisation[0])
    yield (_SIGNERS["select_treasury"], {"network": foreseen.network}), treasury
    for row in treasury:
        named = {"network": foreseen.network, "address": row["address"]}
        seen = [] if row["balance"] is None else [row]
        yield (_SIGNERS["select_holding"], named), seen


def _of_organisation(foreseen: Foreseen, row: DictRow) -> Iterator[_Answer]:
    yield (_ACCESS["select_organisation"], {}), [_of("organisation", row)]
    place = {"family": foreseen.family.value, "live": foreseen.live}
    for table, asked in (
        ("licence", (_LICENCE["select_licence"], {})),
        ("policy", (_APPROVALS["are_needed"], {})),
        ("choice", (_ACCOUNTS["chosen"], {})),
        ("account", (_ACCOUNTS["find_account"], place)),
    ):
        yield asked, [_of(table, row)] if row[table] else []
    if not row["has_payments"]:
        yield (_BILLING["select_subscriptions"], {"id": None}), []
        yield (_BILLING["select_disputes"], {"payment": None}), []
        yield (_BILLING["newest_purchase"], {}), [{"paid_at": None}]
    key, member = _key(foreseen), parse_id(Prefix.MEMBER, foreseen.asker)
    if key is not None and row["key.member_id"] is not None:
        member = row["key.member_id"]
        yield (_PEOPLE["select_member_of_key"], {"key": key}), [_of("key", row)]
    if member is not None and not row["has_people"]:
        named = {"member": member, "key": key}
        yield (_PEOPLE["select_teams_of"], named), []
        yield (_PEOPLE["select_quotas_of"], named), []


def _key(foreseen: Foreseen) -> UUID | None:
    return parse_id(Prefix.API_KEY, foreseen.asker)


def _of(table: str, row: DictRow) -> DictRow:
    start = f"{table}."
    return {name[len(start) :]: value for name, value in row.items() if name.startswith(start)}
