"""Several organisations' works on one connection.

Wallets and audit heads are locked and loaded for all at once; what is recorded and appended is
kept until the end, and written in one statement.  Everything else a work does goes to the
database at once, in its own scope, after what was kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, reduce

from attrs import define, field, frozen
from psycopg import Connection
from psycopg.rows import DictRow

from adapters.postgres import loaded, queries, turn_rows
from adapters.postgres.abuse import (
    PostgresSpendings,
    PostgresThrottles,
    throttle_from_row,
)
from adapters.postgres.access import PostgresOrganisations
from adapters.postgres.audit import PostgresAuditLog
from adapters.postgres.billing import PostgresBilling
from adapters.postgres.binary import uuid
from adapters.postgres.errors import translated
from adapters.postgres.idempotency import PostgresIdempotencyKeys
from adapters.postgres.ledger import PostgresLedger, changed
from adapters.postgres.licence import PostgresLicences
from adapters.postgres.people import PostgresQuotas
from adapters.postgres.rows import Row, organisation_from_row
from adapters.postgres.statements import Found, Statement, Statements
from adapters.postgres.transaction import Check, Transaction
from adapters.postgres.writing import Tables, Turns
from application.ports.storage.foreseen import Foreseen
from application.ports.storage.idempotency import IdempotencyKey, Remembered
from application.ports.storage.ledger import Deed, entered
from application.ports.storage.licence import LicenceRecord
from application.ports.storage.people import Binding
from application.ports.storage.together import StaleError, Wanted
from application.ports.storage.work import Lock, LockSequence, Scope
from domain.abuse import Spending, Throttle
from domain.audit import AuditDraft, AuditEvent
from domain.errors import MisuseError
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import Event, JournalEntry, Wallet, fold
from domain.organisation import Organisation
from domain.payment import BillingFacts

SCOPE = queries.load("scope.sql")
TOGETHER = queries.load("together.sql")

#: Of organisations that have nothing of it: most.
_NO_PAYMENTS = BillingFacts()
_NO_LICENCE = LicenceRecord()
_NOBODYS = Binding()


@define
class Account:
    """What a turn knows and has decided of one organisation."""

    wanted: Wanted
    #: The organisation's row, and of what it has anything at all.
    facts: Row
    wallet: Wallet
    head: int
    now: datetime
    throttles: dict[str, Throttle]
    spendings: dict[str, Spending]
    #: Which transactions wrote the rows of wallet and head as they are.
    wallet_mark: str
    head_mark: str
    #: No open lease that is not in the wallet ends before; None: there is none.
    horizon: datetime | None
    #: Credits by the facts of plans, of the last two months.
    plans: Mapping[str, int]
    remembered: Mapping[IdempotencyKey, Remembered]
    #: There are more answers now than `facts` tell of.
    has_kept_answers: bool = False
    #: Counters and spendings as they are stored, where they are others by now; None: not at all.
    stored: dict[str, Throttle] = field(factory=dict)
    stored_spendings: dict[str, Spending | None] = field(factory=dict)
    #: The wallet that the first deed was decided about, and the one that the last has left.
    before: Wallet | None = None
    after: Wallet | None = None
    events: list[Event] = field(factory=list)
    lines: list[JournalEntry] = field(factory=list)
    audit: list[AuditEvent] = field(factory=list)
    #: Everything that was recorded, also what has been written already.
    history: list[Event] = field(factory=list)


def locking(wanted: Mapping[OrganisationId, Wanted], *, opens: bool) -> list[Statement]:
    """Name the organisations of the transaction; lock counters, then wallets and audit heads.

    *opens*: whether counters are made where there are none yet.
    Told are the counters, and whoever is locked.  After it: read the clock, then `Turn.begun`.
    """
    organisations = sorted(wanted)
    askers = [(id, asker) for id in organisations for asker in sorted(wanted[id].askers)]
    named = {
        "organisations": organisations,
        "owners": [id for id, _ in askers],
        "askers": [asker for _, asker in askers],
    }
    makes = ("open_throttles",) if opens else ()
    # One alone is waited for: by the end of that the last statement finds nobody at it.
    waits = ("wait_for_wallet", "wait_for_head") if len(organisations) == 1 else ()
    return [
        (TOGETHER["enter"], {"organisations": f"{{{','.join(map(str, organisations))}}}"}),
        *((TOGETHER[query], named) for query in (*makes, "lock_throttles", *waits, "lock")),
    ]


@define
class Turn:
    """The connection, and what is kept for its end."""

    connection: Connection[DictRow]
    turns: Turns
    accounts: dict[OrganisationId, Account] = field(factory=dict)
    _scope: Scope = field(factory=Scope)

    def entering(self, scope: Scope) -> list[Statement]:
        """What comes first, so that statements from here on are in *scope*."""
        if scope == self._scope:
            return []
        self._scope = scope
        names = {"organisation": str(scope.organisation or ""), "user": str(scope.user or "")}
        return [(SCOPE["enter"], names)]

    def flush(self) -> None:
        """Write what was kept.  Raises: MisuseError: it was not decided about what is there."""
        tables = rows_of(self.accounts)
        if not any(tables.values()):
            return
        with translated():
            mark = self.turns.write(self.connection, None, tables)
        for account in self.accounts.values():
            written_as(account, mark)

    @classmethod
    def begun(
        cls,
        connection: Connection[DictRow],
        turns: Turns,
        throttles: Iterable[DictRow],
        locked: Iterable[Row],
        wanted: Mapping[OrganisationId, Wanted],
        now: datetime,
    ) -> "Turn":
        heads: dict[OrganisationId, Row] = {row["organisation_id"]: row for row in locked}
        parameters = {"wanted": loaded.asked({id: wanted[id] for id in heads}), "now": now}
        with translated():
            found = Statements.of(connection).run(TOGETHER["load"], parameters).rows
        throttles_of = _by_owner(throttles)
        rows: dict[OrganisationId, Row] = {row["organisation_id"]: row for row in found}
        accounts = {
            id: Account(
                facts=rows[id],
                throttles={
                    row["subject"]: throttle_from_row(row) for row in throttles_of.get(id, [])
                },
                spendings=loaded.spendings_from(rows[id]),
                plans=rows[id]["plans"] or {},
                remembered=loaded.remembered_from(rows[id]),
                wanted=wanted[id],
                wallet=loaded.wallet_from(head, rows[id]),
                head=head["sequence"],
                wallet_mark=head["wallet_mark"],
                head_mark=head["head_mark"],
                horizon=rows[id]["horizon"],
                now=now,
            )
            for id, head in heads.items()
        }
        return cls(connection, turns, accounts)


@define(eq=False)
class TurnTransaction(Transaction):
    """A transaction whose connection others use as well."""

    _turn: Turn = field(kw_only=True)

    def batch(self, statements: Sequence[Statement]) -> list[Found]:
        self._known.clear()
        self._turn.flush()
        first = self._turn.entering(self.scope)
        return super().batch([*first, *statements])[len(first) :]

    def later(self, statements: Iterable[Statement], check: Check | None = None) -> None:
        # Others speak on this connection in between, each in a scope of its own.
        found = self.batch(list(statements))
        if check is not None:
            check(found)


@frozen
class TurnOrganisations(PostgresOrganisations):
    account: Account = field(kw_only=True)

    def get(self) -> Organisation | None:
        return organisation_from_row(self.account.facts)


@define
class TurnBilling(PostgresBilling):
    account: Account = field(kw_only=True)

    def facts(self) -> BillingFacts:
        return super().facts() if self.account.facts["has_payments"] else _NO_PAYMENTS


@frozen
class TurnLicences(PostgresLicences):
    account: Account = field(kw_only=True)

    def get(self) -> LicenceRecord:
        return super().get() if self.account.facts["has_licence"] else _NO_LICENCE


@frozen
class TurnQuotas(PostgresQuotas):
    account: Account = field(kw_only=True)

    def binding(self, asker: str | None) -> Binding:
        return super().binding(asker) if self.account.facts["has_people"] else _NOBODYS


@frozen
class TurnThrottles(PostgresThrottles):
    account: Account = field(kw_only=True)

    def lock(self, subject: str) -> Throttle:
        return self.account.throttles[subject]

    def put(self, subject: str, throttle: Throttle) -> None:
        account = self.account
        account.stored.setdefault(subject, account.throttles[subject])
        account.throttles[subject] = throttle


@frozen
class TurnSpendings(PostgresSpendings):
    account: Account = field(kw_only=True)

    def get(self, subjects: Collection[str]) -> Mapping[str, Spending]:
        return {each: self.account.spendings.get(each, Spending()) for each in subjects}

    def put(self, spendings: Mapping[str, Spending]) -> None:
        account = self.account
        for subject, spending in spendings.items():
            account.stored_spendings.setdefault(subject, account.spendings.get(subject))
            account.spendings[subject] = spending


@frozen
class TurnIdempotencyKeys(PostgresIdempotencyKeys):
    account: Account = field(kw_only=True)

    def recall(
        self, keys: Collection[IdempotencyKey], now: datetime
    ) -> dict[IdempotencyKey, Remembered]:
        return {
            key: each
            for key, each in self.account.remembered.items()
            if key in keys and each.expires_at >= now
        }

    def keep(self, remembered: Mapping[IdempotencyKey, Remembered]) -> None:
        super().keep(remembered)
        self.account.has_kept_answers = True


@define
class TurnLedger(PostgresLedger):
    account: Account = field(kw_only=True)

    def stand_in_line(self, foreseen: Foreseen | None = None) -> None:  # noqa: ARG002 - as above
        self._is_locked = True

    def lock(
        self,
        *holds: HoldId,
        facts: Collection[str] = (),
        lots: Collection[LotId] = (),
        now: datetime | None = None,
    ) -> Wallet:
        account = self.account
        is_loaded = account.wanted.holds.issuperset(holds) and not facts and not lots
        if is_loaded and now in {None, account.now}:
            self._is_locked = True
            return account.after or account.wallet
        # The rank is that of the audit head by now; the lock itself is held.
        raise MisuseError("a turn's wallet is loaded for the holds that were named at its start")

    def granted(self, facts: Collection[str]) -> dict[str, int]:
        if _are_of_plans(tuple(facts)):
            plans = self.account.plans
            return {fact: plans[fact] for fact in plans.keys() & facts}
        return super().granted(facts)

    def record_all(
        self,
        wallet: Wallet,
        deeds: Sequence[Deed],
        at: datetime,
        *,
        after: Wallet | None = None,
    ) -> tuple[tuple[JournalEntry, ...], ...]:
        account = self.account
        expected = account.after or account.wallet
        if not self._is_locked or (wallet is not expected and wallet != expected):
            raise MisuseError(f"the wallet of {wallet.organisation} is not this one")
        entries = entered(wallet.version, deeds, at)
        events = [event for deed in deeds for event in deed.events]
        if events:
            account.before = account.before or wallet
            account.after = after or reduce(fold, events, wallet)
            account.events += events
            account.history += events
            for lines in entries:
                account.lines += lines
        return entries


@frozen
class TurnAuditLog(PostgresAuditLog):
    account: Account = field(kw_only=True)

    def append(self, *drafts: AuditDraft) -> tuple[AuditEvent, ...]:
        account = self.account
        first = account.head + len(account.audit) + 1
        events = tuple(
            [draft.numbered(number) for number, draft in enumerate(drafts, start=first)]
        )
        account.audit += events
        return events


@define
class KnownTurn(Turn):
    """Decided about what is known, and sent when all is decided: asks nothing."""

    def flush(self) -> None:
        raise StaleError("this is not known")

    def entering(self, scope: Scope) -> list[Statement]:
        raise StaleError(f"more of {scope} is not known")

    def write(self) -> str:
        """All of it, at once.  The mark of what was written."""
        tables = rows_of(self.accounts, all_of_them=True)
        for id, account in self.accounts.items():
            owner, wanted = uuid(id), account.wanted
            if account.facts["has_answers"]:
                tables["keys"] += [turn_rows.key(owner, key, account.now) for key in wanted.keys]
            if wanted.new:
                wallet = account.after or account.wallet
                there = {hold.id.int for hold in wallet.holds}
                tables["absent"] += [
                    turn_rows.absent(owner, hold) for hold in wanted.new if hold.int not in there
                ]
        return self.turns.write(self.connection, self.accounts, tables)


def transaction_of(turn: Turn, organisation: OrganisationId) -> TurnTransaction:
    # What is held is held: nothing more is locked, and nothing of an earlier rank.
    return TurnTransaction(
        Statements.of(turn.connection).ask,
        Scope(organisation=organisation),
        LockSequence(Lock.AUDIT_HEAD),
        {Lock.AUDIT_HEAD: organisation},
        turn=turn,
    )


@lru_cache(maxsize=2_048)
def _are_of_plans(facts: tuple[str, ...]) -> bool:
    # Those of an organisation's month are the same with every hold.
    return all(fact.startswith("plan:") for fact in facts)


def _by_owner(rows: Iterable[DictRow]) -> dict[OrganisationId, list[DictRow]]:
    owned: dict[OrganisationId, list[DictRow]] = {}
    for row in rows:
        owned.setdefault(row["organisation_id"], []).append(row)
    return owned


def rows_of(accounts: Mapping[OrganisationId, Account], *, all_of_them: bool = False) -> Tables:
    """What is to be written.

    *all_of_them*: also books that nothing has changed, to be compared.
    """
    tables: Tables = {name: [] for name in turn_rows.TABLES}
    for id, account in accounts.items():
        owner = uuid(id)
        if all_of_them or account.before is not None or account.audit:
            _add_books(tables, owner, account)
        for subject, counted in sorted(account.stored.items()):
            row = turn_rows.counter(owner, subject, counted, account.throttles[subject])
            tables["counters"].append(row)
        for subject, spent in sorted(account.stored_spendings.items()):
            row = turn_rows.spending(owner, subject, spent, account.spendings[subject])
            tables["new_spendings" if spent is None else "changed_spendings"].append(row)
    return tables


def _add_books(tables: Tables, owner: bytes, account: Account) -> None:
    before, after = account.before or account.wallet, account.after or account.wallet
    tables["books"].append(
        turn_rows.book(
            owner,
            before,
            after,
            (account.wallet_mark, account.head_mark),
            (account.head, account.head + len(account.audit)),
        )
    )
    if account.before is not None:
        at = account.now
        found = changed(before, after, account.events)
        for lot in found.new_lots:
            tables["new_lots"].append(turn_rows.new_lot(owner, lot))
        for lot in found.lots:
            tables["changed_lots"].append(turn_rows.changed_lot(owner, lot))
        for hold in found.new_holds:
            tables["new_holds"].append(turn_rows.new_hold(owner, hold, at))
            tables["portions"] += turn_rows.portions(owner, hold)
        for old, new in found.holds:
            tables["changed_holds"].append(turn_rows.changed_hold(owner, old, new, at))
        for entry in account.lines:
            tables["lines"].append(turn_rows.line(owner, entry))
    for event in account.audit:
        tables["events"].append(turn_rows.event(owner, event))


def written_as(account: Account, mark: str) -> None:
    """What was written is what there is, and there may come more."""
    if account.before is not None or account.audit:
        account.wallet_mark = account.head_mark = mark
    account.wallet = account.after or account.wallet
    account.head += len(account.audit)
    account.before = account.after = None
    account.events, account.lines, account.audit = [], [], []
    account.stored, account.stored_spendings = {}, {}
