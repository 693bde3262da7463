"""What the tables say, in the words in which the trail alone is read; and photographs of both.

The tables are looked at from outside: as the database's superuser, or in the memory of the store.
"""

import os
from datetime import datetime, timedelta

import psycopg
from attrs import asdict, define, field
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.memory.storage import MemoryStore
from adapters.postgres.storage import PostgresStore
from application.audit.as_of import StateAsOf
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope, Store
from domain.deployment import State
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.operation import OperationKind


def by_the_tables(store: Store, organisation: OrganisationId) -> dict[str, object]:
    if isinstance(store, MemoryStore):
        found = _in_memory(store, organisation)
    else:
        assert isinstance(store, PostgresStore)
        found = _in_postgres(store, organisation)
    return {**found, "tokens": _tokens(store, organisation)}


def by_the_trail(
    store: Store, organisation: OrganisationId, instant: datetime
) -> dict[str, object]:
    state = StateAsOf(store=store)(organisation, instant)
    assert state.lacks == ()
    assert state.credits.lots is not None
    return {
        # Whoever was never given one is on the catalogue's first.
        "tariff": state.tariff or FIRST_TARIFF,
        "members": {(each.id, each.user, each.role) for each in state.members},
        "licence": state.licence.state,
        "credits": (state.credits.available, state.credits.held, state.credits.debt),
        "lots": {each.id: tuple(asdict(each).values())[1:] for each in state.credits.lots},
        "tokens": {
            (each.id, each.network, each.address, each.decimals, each.supply, each.paused)
            for each in state.tokens
        },
    }


@define
class Album:
    """Photographs of the tables, each with its instant, to be held against the trail later."""

    store: Store
    organisation: OrganisationId
    #: What the arrangement did past the trail, which therefore cannot tell of it.
    untold: frozenset[str] = frozenset()
    _photographs: list[tuple[datetime, dict[str, object]]] = field(factory=list)

    def photograph(self, now: datetime) -> None:
        """The tables as everything up to *now* has left them; nothing more may happen then."""
        self._photographs.append((now, by_the_tables(self.store, self.organisation)))

    def forget_since(self, length: int) -> None:
        """A backup was restored: what came after these never was."""
        del self._photographs[length:]

    def __len__(self) -> int:
        return len(self._photographs)

    def compare(self) -> None:
        assert self._photographs
        for instant, tables in self._photographs:
            told = by_the_trail(self.store, self.organisation, instant)
            for what in tables.keys() - self.untold:
                assert told[what] == tables[what], (what, instant)


FIRST_TARIFF = "free"
#: What has to pass for two things not to be at the same instant.
A_MOMENT = timedelta(microseconds=1)


def _in_memory(store: MemoryStore, organisation: OrganisationId) -> dict[str, object]:
    wallet = store._ledger.wallets.rows[organisation]
    record = store._licence.licences.rows.get(organisation)
    return {
        "tariff": store._access.organisations.rows[organisation].tariff,
        "members": {
            _member(member.id, member.user, member.role.value)
            for (owner, _), member in store._access.members.rows.items()
            if owner == organisation
        },
        "licence": "active" if record is None else record.told.value,
        "credits": (wallet.available, wallet.held, wallet.debt),
        "lots": {
            public_id(Prefix.GRANT, lot.id): (
                lot.source.value, lot.fact, lot.amount, lot.remaining, lot.lapsed,
                lot.clawed_back, lot.effective_at, lot.expires_at,
            )
            for (owner, _), lot in store._ledger.lots.rows.items()
            if owner == organisation
        },
    }  # fmt: skip


def _in_postgres(store: PostgresStore, organisation: OrganisationId) -> dict[str, object]:
    database = conninfo_to_dict(store._pool.conninfo)["dbname"]
    url = make_conninfo(os.environ["TEST_DATABASE_URL"], dbname=database)
    with psycopg.connect(url) as administrator:
        (tariff,) = _one(administrator, "SELECT tariff FROM organisations WHERE id = %s",
                         organisation)  # fmt: skip
        credits_ = _one(
            administrator,
            "SELECT available, held, debt FROM wallets WHERE organisation_id = %s",
            organisation,
        )
        members = administrator.execute(
            "SELECT id, user_id, role::text FROM members WHERE organisation_id = %s",
            [organisation],
        ).fetchall()
        told = administrator.execute(
            "SELECT told FROM licences WHERE organisation_id = %s", [organisation]
        ).fetchone()
        lots = administrator.execute(
            "SELECT id, source::text, fact, amount, remaining, lapsed, clawed_back, effective_at,"
            " expires_at FROM lots WHERE organisation_id = %s",
            [organisation],
        ).fetchall()
    return {
        "tariff": tariff,
        "members": {_member(*member) for member in members},
        "licence": "active" if told is None else told[0],
        "credits": credits_,
        "lots": {public_id(Prefix.GRANT, id): tuple(lot) for id, *lot in lots},
    }


def _one(connection, query, organisation):
    return connection.execute(query, [organisation]).fetchone()


def _member(id, user, role):
    return public_id(Prefix.MEMBER, id), public_id(Prefix.USER, user), role


def _tokens(store: Store, organisation: OrganisationId) -> set[object]:
    """Every token that was issued, with what was done to it: sums over rows."""
    with store.begin(Scope(organisation=organisation)) as work:
        page = PageRequest(limit=100)
        rows = work.deployments.list(page, kinds=frozenset(OperationKind)).items
    done = [row for row in rows if row.state is State.COMPLETED]
    found = set()
    for token in done:
        if token.kind is not OperationKind.DEPLOYMENT:
            continue
        orders = sorted(
            (row for row in done if row.of == token.id),
            key=lambda row: (row.steps[-1].inclusion.block.number, row.id),
        )
        changes = {"mint": 1, "burn": -1}
        supply = token.token.supply + sum(
            changes[row.order.action] * int(row.order.parameters["amount"])
            for row in orders
            if row.order.action in changes
        )
        switches = [row.order.action for row in orders if row.order.action not in changes]
        found.add(
            (
                public_id(Prefix.TOKEN, token.id),
                token.network,
                token.result,
                token.token.decimals,
                supply,
                switches[-1:] == ["pause"],
            )
        )
    return found
