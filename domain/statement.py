"""What became of an organisation's credits in a period, and what it is charged in money.

A pure sum over the journal: what was there, what came and went, what is there.  `balance` is all
that an organisation has: available, held, and less what it owes; only lines that change it are
told, so that what opens, and the lines, are together what closes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from attrs import field, frozen, validators

from domain.catalogue import Period
from domain.fees import FeeLine
from domain.ledger import LedgerAccount

#: The accounts that are the organisation's own; debt is a negative balance.
_OWN = (LedgerAccount.AVAILABLE, LedgerAccount.HELD, LedgerAccount.DEBT)


@frozen(kw_only=True)
class Flow:
    """All postings of one kind, added up."""

    debit: LedgerAccount
    credit: LedgerAccount
    #: ``credits.captured``.
    action: str
    #: What the hold that it is about paid for, where it is about one.
    operation: str | None
    credits: int = field(validator=validators.gt(0))
    #: In the period; else before it.
    is_within: bool


@frozen(kw_only=True)
class Balances:
    available: int
    held: int
    #: What is owed.
    debt: int

    @property
    def balance(self) -> int:
        return self.available + self.held - self.debt


@frozen(kw_only=True)
class StatementLine:
    #: ``granted``, ``captured``, ``expired``, …
    what: str
    #: The source of what was granted or taken back, the operation of what was captured.
    of: str | None
    #: How it changed the balance.
    credits: int


@frozen(kw_only=True)
class Statement:
    period: Period
    opening: Balances
    lines: tuple[StatementLine, ...]
    closing: Balances
    fees: tuple[FeeLine, ...]

    @property
    def totals(self) -> Mapping[str, int]:
        """What the fees that have an amount come to: minor units by currency."""
        found: Counter[str] = Counter()
        for line in self.fees:
            found[line.currency] += line.amount_minor or 0
        return dict(sorted(found.items()))


def statement(period: Period, flows: Iterable[Flow], fees: Iterable[FeeLine]) -> Statement:
    """*flows* are of the whole time before the period's end."""
    known = list(flows)
    changes: Counter[tuple[str, str | None]] = Counter()
    for flow in known:
        if flow.is_within and (effect := _effect(flow)):
            changes[flow.action.removeprefix("credits."), _of(flow)] += effect
    return Statement(
        period=period,
        opening=_balances(flow for flow in known if not flow.is_within),
        lines=tuple(
            StatementLine(what=what, of=of, credits=amount)
            for (what, of), amount in sorted(changes.items(), key=lambda each: str(each[0]))
            if amount
        ),
        closing=_balances(known),
        fees=tuple(fees),
    )


def _effect(flow: Flow) -> int:
    return flow.credits * ((flow.credit in _OWN) - (flow.debit in _OWN))


def _of(flow: Flow) -> str | None:
    for account in (flow.debit, flow.credit):
        if account.startswith("issued:"):
            return account.removeprefix("issued:")
    return flow.operation


def _balances(flows: Iterable[Flow]) -> Balances:
    sums: Counter[LedgerAccount] = Counter()
    for flow in flows:
        sums[flow.credit] += flow.credits
        sums[flow.debit] -= flow.credits
    return Balances(
        available=sums[LedgerAccount.AVAILABLE],
        held=sums[LedgerAccount.HELD],
        debt=-sums[LedgerAccount.DEBT],
    )
