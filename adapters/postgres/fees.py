"""Fees in money and rates, as rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen
from psycopg.types.json import Jsonb

from adapters.postgres import queries
from adapters.postgres.transaction import Transaction
from application.ports.storage.fees import FeeLines, Rates
from domain.errors import MisuseError
from domain.fees import Cost, FeeKind, FeeLine
from domain.identifiers import NetworkId, OrganisationId
from domain.money import Money, Rate
from domain.operation import TransactionId

FEES = queries.load("fees.sql")


@frozen
class PostgresRates(Rates):
    _transaction: Transaction

    def add(self, network: NetworkId, rate: Rate) -> bool:
        row = {
            "network": network,
            "currency": rate.currency,
            "at": rate.at,
            "price": rate.price,
            "source": rate.source,
        }
        return self._transaction.change(FEES["insert_rate"], row) == 1

    def newest(self, network: NetworkId, currency: str, now: datetime) -> Rate | None:
        asked = {"network": network, "currency": currency, "now": now}
        row = self._transaction.row(FEES["newest_rate"], asked)
        return Rate(**row) if row else None


@frozen
class PostgresFeeLines(FeeLines):
    _transaction: Transaction

    def add(self, line: FeeLine) -> bool:
        return self._transaction.change(FEES["insert_line"], _row(line)) == 1

    def get(self, fact: str) -> FeeLine | None:
        row = self._transaction.row(FEES["select_line"], {"fact": fact})
        return _line(row) if row else None

    def unpriced(self) -> Sequence[FeeLine]:
        return _lines(self._transaction.rows(FEES["unpriced"]))

    def price(self, line: FeeLine) -> None:
        self._transaction.write(FEES["price"], _row(line))

    def unbilled(self) -> Sequence[FeeLine]:
        return _lines(self._transaction.rows(FEES["unbilled"]))

    def mark_billed(self, fact: str, invoice_item: str, at: datetime) -> bool:
        asked = {"fact": fact, "invoice_item": invoice_item, "at": at}
        if self._transaction.change(FEES["mark_billed"], asked) == 1:
            return True
        line = self.get(fact)
        if line is None or line.amount_minor is None:
            raise MisuseError(f"{fact} has no amount to be charged")
        return False

    def between(self, since: datetime, until: datetime) -> Sequence[FeeLine]:
        return _lines(self._transaction.rows(FEES["between"], {"since": since, "until": until}))

    def owing(self, after: OrganisationId, at_most: int) -> Sequence[OrganisationId]:
        found = self._transaction.rows(FEES["owing"], {"after": after, "limit": at_most})
        return [OrganisationId(row["organisation_id"]) for row in found]


def _row(line: FeeLine) -> dict[str, object]:
    worth = line.declared
    return {
        "fact": line.fact,
        "deployment_id": line.deployment,
        "kind": line.kind.value,
        "live": line.live,
        "at": line.at,
        "currency": line.currency,
        "amount_minor": line.amount_minor,
        "basis_points": line.basis_points,
        "decimals": line.decimals,
        "costs": Jsonb([_cost_to_json(each) for each in line.costs]),
        "declared_minor": worth and worth.amount_minor,
        "declared_currency": worth and worth.currency,
    }


def _lines(rows: Iterable[Mapping[str, Any]]) -> list[FeeLine]:
    return [_line(row) for row in rows]


def _line(row: Mapping[str, Any]) -> FeeLine:
    declared = None
    if row["declared_minor"] is not None:
        declared = Money(amount_minor=row["declared_minor"], currency=row["declared_currency"])
    return FeeLine(
        deployment=row["deployment_id"],
        kind=FeeKind(row["kind"]),
        live=row["live"],
        at=row["at"],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        basis_points=row["basis_points"],
        decimals=row["decimals"],
        costs=tuple(_cost_from_json(each) for each in row["costs"]),
        declared=declared,
        invoice_item=row["invoice_item"],
    )


def _cost_to_json(cost: Cost) -> dict[str, object]:
    """Whole numbers and decimals as texts: JSON's numbers are not exact everywhere."""
    rate = cost.rate
    return {
        "transaction_id": cost.transaction_id,
        "amount": str(cost.amount),
        "rate": rate
        and {
            "price": str(rate.price),
            "currency": rate.currency,
            "source": rate.source,
            "at": rate.at.isoformat(),
        },
    }


def _cost_from_json(content: Mapping[str, Any]) -> Cost:
    told = content["rate"]
    rate = told and Rate(
        price=Decimal(told["price"]),
        currency=told["currency"],
        source=told["source"],
        at=datetime.fromisoformat(told["at"]),
    )
    return Cost(
        transaction_id=TransactionId(content["transaction_id"]),
        amount=int(content["amount"]),
        rate=rate,
    )
