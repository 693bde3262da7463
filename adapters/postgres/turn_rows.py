"""What a turn writes: values to rows of the types that `keep_turn` takes (migrations 0047, 0065).

A row's columns stand in the order of its type; a test compares both.
"""

from datetime import datetime
from functools import lru_cache

from attrs import field, frozen

from adapters.postgres.binary import (
    NULLS,
    bigint,
    bigints,
    boolean,
    bytea,
    columns,
    integer,
    text,
    texts,
    timestamptz,
    timestamptzs,
    uuid,
    xid,
)
from application.ports.storage.idempotency import IdempotencyKey
from domain.abuse import Spending, Throttle
from domain.audit import AuditEvent
from domain.identifiers import HoldId
from domain.ledger import Hold, JournalEntry, Lot, Wallet

_NO_BIGINT, _NO_UUID = NULLS["bigint"], NULLS["uuid"]
_NEVER_SPENT = (
    NULLS["timestamptz[]"],
    NULLS["bigint[]"],
    NULLS["timestamptz"],
    NULLS["timestamptz"],
)


@frozen
class Shape:
    """A composite type: its name, and the types of its columns."""

    name: str
    columns: dict[str, str]
    #: What each of its rows begins with.
    begin: bytes = field(init=False, repr=False)

    @begin.default
    def _counted(self) -> bytes:
        return columns(len(self.columns))


KEY = Shape(
    "turn_key",
    {
        "organisation_id": "uuid",
        "live": "boolean",
        "route": "text",
        "key": "text",
        "now": "timestamptz",
    },
)
ABSENT = Shape("turn_absent", {"organisation_id": "uuid", "id": "uuid"})
COUNTER = Shape(
    "turn_counter",
    {
        "organisation_id": "uuid",
        "subject": "text",
        "premium_at": "timestamptz",
        "failures": "integer",
        "failed_at": "timestamptz",
        "blocked_until": "timestamptz",
        "told": "text[]",
        "told_at": "timestamptz[]",
        "premium_before": "timestamptz",
        "failures_before": "integer",
        "failed_before": "timestamptz",
        "blocked_before": "timestamptz",
        "told_before": "text[]",
        "told_at_before": "timestamptz[]",
    },
)
BOOK = Shape(
    "turn_account",
    {
        "organisation_id": "uuid",
        "available": "bigint",
        "held": "bigint",
        "debt": "bigint",
        "version": "bigint",
        "watch_granted": "bigint",
        "watch_since": "timestamptz",
        "watch_told": "bigint",
        "version_before": "bigint",
        "wallet_mark": "xid",
        "sequence": "bigint",
        "sequence_before": "bigint",
        "head_mark": "xid",
    },
)
NEW_LOT = Shape(
    "turn_new_lot",
    {
        "organisation_id": "uuid",
        "id": "uuid",
        "source": "text",
        "priority": "integer",
        "amount": "bigint",
        "remaining": "bigint",
        "lapsed": "bigint",
        "clawed_back": "bigint",
        "effective_at": "timestamptz",
        "expires_at": "timestamptz",
        "ended_at": "timestamptz",
        "fact": "text",
        "root_id": "uuid",
        "unit_cost_micros": "bigint",
        "currency": "text",
    },
)
CHANGED_LOT = Shape(
    "turn_changed_lot",
    {
        "organisation_id": "uuid",
        "id": "uuid",
        "remaining": "bigint",
        "lapsed": "bigint",
        "clawed_back": "bigint",
        "ended_at": "timestamptz",
    },
)
NEW_HOLD = Shape(
    "turn_new_hold",
    {
        "organisation_id": "uuid",
        "id": "uuid",
        "subject": "uuid",
        "operation": "text",
        "kind_class": "text",
        "member": "text",
        "amount": "bigint",
        "captured": "bigint",
        "corrected": "bigint",
        "state": "text",
        "lease_until": "timestamptz",
        "held_at": "timestamptz",
        "closed_at": "timestamptz",
    },
)
CHANGED_HOLD = Shape(
    "turn_changed_hold",
    {
        "organisation_id": "uuid",
        "id": "uuid",
        "captured": "bigint",
        "corrected": "bigint",
        "state": "text",
        "lease_until": "timestamptz",
        "closed_at": "timestamptz",
        "state_before": "text",
        "corrected_before": "bigint",
    },
)
PORTION = Shape(
    "turn_portion",
    {
        "organisation_id": "uuid",
        "hold_id": "uuid",
        "position": "integer",
        "lot_id": "uuid",
        "amount": "bigint",
    },
)
LINE = Shape(
    "turn_line",
    {
        "organisation_id": "uuid",
        "sequence": "bigint",
        "at": "timestamptz",
        "debit": "text",
        "credit": "text",
        "amount": "bigint",
        "action": "text",
        "hold_id": "uuid",
        "lot_id": "uuid",
        "actor": "text",
        "subject": "uuid",
    },
)
EVENT = Shape(
    "turn_event",
    {
        "organisation_id": "uuid",
        "sequence": "bigint",
        "id": "uuid",
        "at": "timestamptz",
        "action": "text",
        "subject": "text",
        "live": "boolean",
        "salt": "bytea",
        "body": "bytea",
    },
)
SPENDING = Shape(
    "turn_spending",
    {
        "organisation_id": "uuid",
        "subject": "text",
        "bucket_starts": "timestamptz[]",
        "bucket_credits": "bigint[]",
        "alerted_at": "timestamptz",
        "frozen_until": "timestamptz",
        "starts_before": "timestamptz[]",
        "credits_before": "bigint[]",
        "alerted_before": "timestamptz",
        "frozen_before": "timestamptz",
    },
)

#: By the names of the parameters of `keep_turn`, in their order.
TABLES = {
    "books": BOOK,
    "keys": KEY,
    "absent": ABSENT,
    "counters": COUNTER,
    "new_lots": NEW_LOT,
    "changed_lots": CHANGED_LOT,
    "new_holds": NEW_HOLD,
    "changed_holds": CHANGED_HOLD,
    "portions": PORTION,
    "lines": LINE,
    "events": EVENT,
    "new_spendings": SPENDING,
    "changed_spendings": SPENDING,
}


def key(owner: bytes, key: IdempotencyKey, now: datetime) -> bytes:
    """*owner*, here and below: the cell of the organisation's id."""
    return _row(
        KEY.begin,
        owner,
        boolean(key.live),
        text(key.route),
        text(key.key),
        timestamptz(now),
    )


def absent(owner: bytes, hold: HoldId) -> bytes:
    return _row(ABSENT.begin, owner, uuid(hold))


def counter(owner: bytes, subject: str, before: Throttle, after: Throttle) -> bytes:
    """All but the requests, as they become and as they were."""
    return _row(COUNTER.begin, owner, text(subject), *_counted(after), *_counted(before))


def book(
    owner: bytes,
    before: Wallet,
    after: Wallet,
    marks: tuple[str, str],
    heads: tuple[int, int],
) -> bytes:
    """*marks*: of wallet and head.  *heads*: before and after."""
    watch = after.watch
    return _row(
        BOOK.begin,
        owner,
        bigint(after.available),
        bigint(after.held),
        bigint(after.debt),
        bigint(after.version),
        _NO_BIGINT if watch is None else bigint(watch.granted),
        timestamptz(watch and watch.since),
        _NO_BIGINT if watch is None or watch.told is None else bigint(watch.told),
        bigint(before.version),
        xid(marks[0]),
        bigint(heads[1]),
        bigint(heads[0]),
        xid(marks[1]),
    )


def new_lot(owner: bytes, lot: Lot) -> bytes:
    return _row(
        NEW_LOT.begin,
        owner,
        uuid(lot.id),
        text(str(lot.source)),
        integer(lot.priority),
        bigint(lot.amount),
        bigint(lot.remaining),
        bigint(lot.lapsed),
        bigint(lot.clawed_back),
        timestamptz(lot.effective_at),
        timestamptz(lot.expires_at),
        timestamptz(lot.ended_at),
        text(lot.fact),
        _NO_UUID if lot.root is None else uuid(lot.root),
        _NO_BIGINT if lot.unit_cost_micros is None else bigint(lot.unit_cost_micros),
        text(lot.currency),
    )


def changed_lot(owner: bytes, lot: Lot) -> bytes:
    return _row(
        CHANGED_LOT.begin,
        owner,
        uuid(lot.id),
        bigint(lot.remaining),
        bigint(lot.lapsed),
        bigint(lot.clawed_back),
        timestamptz(lot.ended_at),
    )


def new_hold(owner: bytes, hold: Hold, at: datetime) -> bytes:
    return _row(
        NEW_HOLD.begin,
        owner,
        uuid(hold.id),
        uuid(hold.subject),
        text(hold.operation),
        text(str(hold.kind_class)),
        text(hold.member),
        bigint(hold.amount),
        bigint(hold.captured),
        bigint(hold.corrected),
        text(hold.state.value),
        timestamptz(hold.lease_until),
        timestamptz(at),
        timestamptz(None if hold.is_open else at),
    )


def changed_hold(owner: bytes, before: Hold, after: Hold, at: datetime) -> bytes:
    return _row(
        CHANGED_HOLD.begin,
        owner,
        uuid(after.id),
        bigint(after.captured),
        bigint(after.corrected),
        text(after.state.value),
        timestamptz(after.lease_until),
        timestamptz(None if after.is_open else at),
        text(before.state.value),
        bigint(before.corrected),
    )


def portions(owner: bytes, hold: Hold) -> list[bytes]:
    id = uuid(hold.id)
    return [
        _row(
            PORTION.begin, owner, id, integer(position), uuid(portion.lot), bigint(portion.amount)
        )
        for position, portion in enumerate(hold.portions, start=1)
    ]


def line(owner: bytes, entry: JournalEntry) -> bytes:
    posting = entry.posting
    return _row(
        LINE.begin,
        owner,
        bigint(entry.sequence),
        timestamptz(entry.at),
        text(str(posting.debit)),
        text(str(posting.credit)),
        bigint(posting.amount),
        text(posting.action),
        _NO_UUID if posting.hold is None else uuid(posting.hold),
        _NO_UUID if posting.lot is None else uuid(posting.lot),
        text(entry.actor),
        _NO_UUID if entry.subject is None else uuid(entry.subject),
    )


def event(owner: bytes, event: AuditEvent) -> bytes:
    return _row(
        EVENT.begin,
        owner,
        bigint(event.sequence),
        uuid(event.id),
        timestamptz(event.at),
        text(event.action),
        text(event.subject),
        boolean(event.live),
        bytea(event.salt),
        bytea(event.body),
    )


def spending(owner: bytes, subject: str, before: Spending | None, after: Spending) -> bytes:
    """*before*: None: there is no row of it yet."""
    stored = _NEVER_SPENT if before is None else _spent(before)
    return _row(SPENDING.begin, owner, text(subject), *_spent(after), *stored)


def _counted(throttle: Throttle) -> tuple[bytes, ...]:
    failures, told = throttle.failures, throttle.told
    return (
        timestamptz(throttle.premium_at),
        integer(failures.count),
        timestamptz(failures.last_at),
        timestamptz(failures.locked_until),
        texts([rule.value for rule in told]),
        timestamptzs(list(told.values())),
    )


@lru_cache(maxsize=8_192)
def _spent(spending: Spending) -> tuple[bytes, ...]:
    # As it becomes in one turn it was in the next.
    buckets = spending.buckets
    return (
        timestamptzs([start for start, _ in buckets]),
        bigints([taken for _, taken in buckets]),
        timestamptz(spending.alerted_at),
        timestamptz(spending.frozen_until),
    )


def _row(*cells: bytes) -> bytes:
    return b"".join(cells)
