"""What members and organisations do, as rows of counters."""

from collections.abc import Collection, Mapping

from attrs import field, frozen

from adapters.postgres import queries
from adapters.postgres.rows import Row
from adapters.postgres.transaction import Transaction
from application.ports.storage.abuse import Spendings, Throttles
from application.ports.storage.work import Lock
from domain.abuse import LoginFailures, Rule, Spending, Throttle
from domain.errors import MisuseError

ABUSE = queries.load("abuse.sql")


@frozen
class PostgresThrottles(Throttles):
    _transaction: Transaction
    _locked: set[str] = field(factory=set)

    def lock(self, subject: str) -> Throttle:
        if self._transaction.scope.organisation is None:
            raise MisuseError(f"{subject} is counted outside of any organisation")
        self._transaction.enter(Lock.THROTTLE, subject)
        parameters = {"subject": subject}
        row = self._transaction.row(ABUSE["lock_throttle"], parameters)
        if row is None:
            # Only once: whoever is counted has a row from then on.
            _, locked = self._transaction.batch(
                [(ABUSE["open_throttle"], parameters), (ABUSE["lock_throttle"], parameters)]
            )
            row = locked.fetchone()
        self._locked.add(subject)
        return throttle_from_row(row) if row else Throttle()

    def put(self, subject: str, throttle: Throttle) -> None:
        if subject not in self._locked:
            raise MisuseError(f"the throttle of {subject} is not locked")
        # Its row is there, and stays.
        self._transaction.write(ABUSE["update_throttle"], throttle_to_row(subject, throttle))


@frozen
class PostgresSpendings(Spendings):
    _transaction: Transaction

    def get(self, subjects: Collection[str]) -> Mapping[str, Spending]:
        asked = {"subjects": list(subjects)}
        (found,) = self._transaction.read((ABUSE["select_spendings"], asked))
        known = {row["subject"]: spending_from_row(row) for row in found}
        return {subject: known.get(subject, Spending()) for subject in subjects}

    def put(self, spendings: Mapping[str, Spending]) -> None:
        self._transaction.later(
            [
                (ABUSE["put_spending"], spending_to_row(subject, spending))
                for subject, spending in sorted(spendings.items())
            ]
        )


def throttle_from_row(row: Row) -> Throttle:
    return Throttle(
        recent=tuple(zip(row["seconds"], row["counts"], strict=True)),
        premium_at=row["premium_at"],
        failures=LoginFailures(
            count=row["failures"], last_at=row["failed_at"], locked_until=row["blocked_until"]
        ),
        told={Rule(rule): at for rule, at in zip(row["told"], row["told_at"], strict=True)},
    )


def spending_from_row(row: Row) -> Spending:
    return Spending(
        buckets=tuple(zip(row["bucket_starts"], row["bucket_credits"], strict=True)),
        alerted_at=row["alerted_at"],
        frozen_until=row["frozen_until"],
    )


def throttle_to_row(subject: str, throttle: Throttle) -> Row:
    return {
        "subject": subject,
        "seconds": [second for second, _ in throttle.recent],
        "counts": [count for _, count in throttle.recent],
        "premium_at": throttle.premium_at,
        "failures": throttle.failures.count,
        "failed_at": throttle.failures.last_at,
        "blocked_until": throttle.failures.locked_until,
        "told": [rule.value for rule in throttle.told],
        "told_at": list(throttle.told.values()),
    }


def spending_to_row(subject: str, spending: Spending) -> Row:
    return {
        "subject": subject,
        "bucket_starts": [start for start, _ in spending.buckets],
        "bucket_credits": [taken for _, taken in spending.buckets],
        "alerted_at": spending.alerted_at,
        "frozen_until": spending.frozen_until,
    }
