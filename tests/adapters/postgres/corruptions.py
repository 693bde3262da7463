"""What a superuser may do to a ledger, by the invariant that it breaks.

Statements are divided by semicolons; `%(captured)s` and so on are of `Ledger` in
test_verify_ledger.py.
"""

from uuid import UUID

from domain.identifiers import Prefix, public_id

OF = "WHERE organisation_id = %(organisation)s"
LOT = f"{OF} AND fact ="
LINE = f"{OF} AND sequence ="
EVENT = f"{OF} AND convert_from(body, 'UTF8') LIKE"
LAST = f"(SELECT version FROM wallets {OF})"
ONE_MORE = f"; UPDATE wallets SET version = version + 1 {OF}"


def copied(which: str, sequence: str = f"{LAST} + 1", at: str = "now()") -> str:
    """A line of the journal once more."""
    return (
        f"INSERT INTO journal SELECT organisation_id, {sequence}, {at}, debit, credit, amount,"
        f" action, hold_id, lot_id, actor, subject FROM journal {OF} AND {which}"
    )


def rewritten(before: str, after: str) -> str:
    """The body of an audit event, changed."""
    return (
        "UPDATE audit_events SET body = convert_to(replace(convert_from(body, 'UTF8'),"
        f" '{before}', '{after}'), 'UTF8') {EVENT} '%%{before}%%'"
    )


def quota(kind: str, id: str, window: str, most: int) -> str:
    """A quota that was there before anything was taken."""
    return (
        "INSERT INTO quotas (organisation_id, subject_kind, subject_id, quota_window, most,"
        f" set_at) VALUES (%(organisation)s, '{kind}', {id}, '{window}', {most}, '2020-01-01')"
    )


#: Of a key that the member has made.
KEY = UUID("01960000-0000-7000-8000-000000000007")
SPENT_BY_A_KEY = (
    "INSERT INTO api_keys (organisation_id, id, name, live, scopes, secret_hash, hint, created_by,"
    f" created_at) VALUES (%(organisation)s, '{KEY}', 'ci', false, '{{}}', '', '', %(member)s,"
    f" now()); UPDATE holds SET member = '{public_id(Prefix.API_KEY, KEY)}' {OF}"
    " AND id = %(captured)s"
)


def licence_changed(state: str, at: str) -> str:
    """The trail tells it at that instant."""
    return (
        "INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,"
        f" body) SELECT %(organisation)s, max(sequence) + 1, gen_random_uuid(), {at},"
        " 'licence.changed', 'org_1', false, decode(repeat('00', 16), 'hex'),"
        f' convert_to(\'{{"details":{{"state":"{state}"}}}}\', \'UTF8\')'
        f" FROM audit_events {OF}"
    )


BREAKING = {
    "I1": [
        f"UPDATE wallets SET available = -1 {OF}",
        f"UPDATE wallets SET held = -1 {OF}",
        f"UPDATE wallets SET debt = -1 {OF}",
        f"UPDATE hold_lots SET amount = amount + 100 {OF} AND hold_id = %(open)s",
        f"UPDATE journal SET amount = 1000 {OF} AND credit = 'held' AND hold_id = %(open)s",
        f"UPDATE journal SET debit = 'debt' {OF} AND action = 'credits.clawed_back'",
    ],
    "I2": [
        f"UPDATE wallets SET available = available + 1 {OF}",
        f"UPDATE wallets SET debt = debt + 1 {OF}",
        f"UPDATE lots SET remaining = remaining + 1 {LOT} 'pack:1'",
        # The sum is right, and yet both are wrong.
        (
            f"UPDATE lots SET remaining = remaining + 1 {LOT} 'pack:1';"
            f"UPDATE lots SET remaining = remaining - 1 {LOT} 'pack:2'"
        ),
        f"UPDATE lots SET lapsed = lapsed + 1 {LOT} 'promo:1'",
        f"UPDATE lots SET clawed_back = 0 {LOT} 'pack:1'",
        f"UPDATE lots SET amount = amount + 1 {LOT} 'plan:1'",
        f"UPDATE lots SET source = 'gift' {LOT} 'plan:1'",
        f"UPDATE lots SET expires_at = expires_at + interval '1 year' {LOT} 'promo:1'",
        (
            f"UPDATE lots SET expires_at = expires_at + interval '1 year' {OF}"
            " AND fact LIKE 'grace:%%'"
        ),
    ],
    "I3": [
        f"UPDATE wallets SET held = held + 1 {OF}",
        f"UPDATE holds SET state = 'released', closed_at = now() {OF} AND id = %(open)s",
        f"UPDATE holds SET state = 'held', closed_at = NULL {OF} AND id = %(released)s",
        f"UPDATE holds SET amount = amount + 1 {OF} AND id = %(open)s",
    ],
    "I4": [
        f"UPDATE journal SET credit = debit {LINE} 4",
        f"UPDATE journal SET amount = -amount {LINE} 4",
        f"UPDATE journal SET debit = 'spent' {LINE} 4",
        f"UPDATE gifts SET amount = amount + 1 {OF}",
        f"DELETE FROM gifts {OF}",
        (
            "INSERT INTO gifts (organisation_id, id, direction, other_id, amount, state, sent_by,"
            " sent_at, closed_at) VALUES (%(organisation)s, gen_random_uuid(), 'received',"
            " gen_random_uuid(), 5, 'delivered', 'mem_1', now(), now())"
        ),
    ],
    "I5": [
        f"DELETE FROM journal {LINE} 5",
        f"DELETE FROM journal {LINE} {LAST}",
        copied("sequence = 4", sequence="sequence", at="at + interval '1 s'"),
        f"UPDATE wallets SET version = version + 1 {OF}",
        f"DELETE FROM wallets {OF}",
    ],
    "I6": [
        f"UPDATE holds SET state = 'released' {OF} AND id = %(captured)s",
        f"UPDATE holds SET state = 'expired' {OF} AND id = %(released)s",
        f"UPDATE holds SET closed_at = closed_at + interval '1 s' {OF} AND id = %(captured)s",
        f"UPDATE holds SET corrected = corrected + 1 {OF} AND id = %(captured)s",
        f"UPDATE holds SET corrected = corrected + 1 {OF} AND id = %(leased)s",
        f"UPDATE holds SET state = 'captured', closed_at = now() {OF} AND id = %(open)s",
        copied("debit = 'held' AND hold_id = %(leased)s") + ONE_MORE,
        copied("credit = 'held' AND hold_id = %(open)s") + ONE_MORE,
        (
            "INSERT INTO holds (organisation_id, id, subject, amount, captured, state, held_at)"
            " VALUES (%(organisation)s, gen_random_uuid(), gen_random_uuid(), 5, 0, 'held', now())"
        ),
    ],
    "I7": [
        f"UPDATE holds SET captured = captured + 1 {OF} AND id = %(captured)s",
        f"UPDATE holds SET lease_until = held_at {OF} AND id = %(leased)s",
        (
            f"UPDATE journal SET credit = 'available' {OF} AND credit = 'spent'"
            " AND hold_id = %(captured)s"
        ),
        f"UPDATE journal SET amount = 100 {OF} AND credit = 'spent' AND hold_id = %(captured)s",
        f"UPDATE journal SET amount = 100 {OF} AND action = 'credits.corrected'",
    ],
    "I9": [
        f"UPDATE lots SET fact = 'pack:1' {LOT} 'pack:2'",
        (
            "INSERT INTO lots (organisation_id, id, source, priority, amount, remaining,"
            " effective_at, fact) VALUES (%(organisation)s, gen_random_uuid(), 'pack', 40, 5, 0,"
            " now(), 'pack:9')"
        ),
        copied("sequence = 1") + ONE_MORE,
    ],
    "I10": [
        f"UPDATE hold_lots SET position = 10 - position {OF} AND hold_id = %(captured)s",
        (
            f"UPDATE hold_lots SET amount = amount - 1 {OF} AND hold_id = %(released)s"
            " AND position = 1;"
            f"UPDATE hold_lots SET amount = amount + 1 {OF} AND hold_id = %(released)s"
            " AND position = 2"
        ),
        f"UPDATE lots SET priority = 99 {LOT} 'plan:1'",
        (
            f"UPDATE journal SET lot_id = (SELECT id FROM lots {LOT} 'pack:1') {OF}"
            " AND action = 'credits.corrected'"
        ),
        f"UPDATE lots SET source = 'promo' {LOT} 'pack:1'",
        f"UPDATE lots SET ended_at = effective_at {LOT} 'plan:1'",
    ],
    "I12": [
        f"UPDATE hold_lots SET lot_id = gen_random_uuid() {OF} AND hold_id = %(open)s",
        f"UPDATE journal SET hold_id = gen_random_uuid() {OF} AND credit = 'spent'",
        f"UPDATE journal SET lot_id = gen_random_uuid() {LINE} 1",
        f"UPDATE journal SET lot_id = NULL {LINE} 1",
        f"UPDATE holds SET organisation_id = gen_random_uuid() {OF} AND id = %(captured)s",
    ],
    "I13": [
        f"DELETE FROM audit_events {EVENT} '%%\"journal_sequence\":5}}%%'",
        f"UPDATE audit_events SET action = 'credits.captured' {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET action = 'deployment.queued' {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET at = at + interval '1 s' {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET live = NOT live {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET subject = 'org_1' {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET id = gen_random_uuid() {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET body = 'x' {EVENT} '%%nal_sequence\":1,%%'",
        f"UPDATE audit_events SET body = '[]' {EVENT} '%%nal_sequence\":1,%%'",
        rewritten('"amount":20', '"amount":21'),
        rewritten('"credit":"available"', '"credit":"held"'),
        rewritten('"debit":"issued:plan"', '"debit":"issued:pack"'),
        rewritten('"journal_sequence":1,', '"journal_sequence":999,'),
        rewritten('"journal_sequence":1,', '"journal_sequence":2,'),
        rewritten('"kind":"operator"', '"kind":"worker"'),
        rewritten('"grant":"grt_', '"grant":"grt_0'),
        rewritten('"hold":"hold_', '"hold":"hold_0'),
        rewritten('"organisation":"org_', '"organisation":"org_0'),
        f"UPDATE journal SET actor = 'worker:' {LINE} 1",
        f"UPDATE journal SET action = 'credits.found' {LINE} 1",
        f"UPDATE journal SET at = at - interval '1 day' {LINE} 1",
        f"UPDATE journal SET amount = amount + 1 {OF} AND credit = 'transit'",
    ],
    "I14": [
        f"UPDATE journal SET at = at - interval '1 year' {LINE} 4",
    ],
    "I15": [
        quota("mem", "%(member)s", "day", 8),
        quota("mem", "%(member)s", "month", 8),
        f"{SPENT_BY_A_KEY};" + quota("mem", "%(member)s", "day", 8),
        f"{SPENT_BY_A_KEY};" + quota("key", f"'{KEY}'", "ever", 8),
        f"{SPENT_BY_A_KEY};" + quota("key", f"'{KEY}'", "month", 8),
        "INSERT INTO teams (organisation_id, id, name, members, created_at) VALUES"
        " (%(organisation)s, %(open)s, 'All', '{}', now());"
        " INSERT INTO hold_teams VALUES (%(organisation)s, %(open)s, %(open)s);"
        + quota("team", "%(open)s", "day", 5),
    ],
    "I16": [
        f"UPDATE holds SET kind_class = 'premium' {OF} AND id = %(released)s;"
        + licence_changed("payment_failed", "'2026-05-01'"),
        f"UPDATE holds SET lease_until = held_at + interval '9 y', kind_class = 'compliance' {OF}"
        " AND id = %(open)s;" + licence_changed("payment_failed", "'2026-06-20'"),
        licence_changed("suspended", "'2026-05-01'"),
        licence_changed("cancelled", "'2026-05-01'")
        + ";"
        + licence_changed("active", "'2026-06-01 12:00:10'"),
    ],
}

CORRUPTIONS = [
    (invariant, statements) for invariant, each in BREAKING.items() for statements in each
]
