"""What every organisation must have, by what a loopback Stripe holds: integers, and our prices.

It reads objects and never events, and knows the catalogue by heart (spec/credits.md).
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from domain.identifiers import OrganisationId, Prefix, public_id
from entrypoints.devnet.stripe import Account

Record = dict[str, Any]

#: Credits of a pack, and of a tariff's month.
PACKS = {"tallystick_tokens_pack_small": 500, "tallystick_tokens_pack_large": 2_000}
TARIFFS = {
    "tallystick_tokens_tariff_starter": 250,
    "tallystick_tokens_tariff_professional": 2_500,
}


@frozen
class Due:
    """Of one economic fact."""

    given: int
    taken_back: int


@frozen
class Truth:
    account: Account

    def packs(self, organisation: OrganisationId) -> dict[str, Due]:
        """By the payment."""
        due = {}
        for session in self._of(organisation, "checkout.session"):
            if session["mode"] != "payment" or session["payment_status"] != "paid":
                continue
            (line,) = self.account.of("item", session["id"])
            given = PACKS[line["price"]["product"]]
            payment = session["payment_intent"]
            due[payment] = Due(given, self._taken_back(given, payment))
        return due

    def periods(self, organisation: OrganisationId) -> dict[tuple[str, str, int], Due]:
        """By subscription, product and first moment of what was paid for."""
        due: dict[tuple[str, str, int], Due] = {}
        given_until: dict[tuple[str, int], int] = {}
        paid = [each for each in self._of(organisation, "invoice") if each["status"] == "paid"]
        for invoice in sorted(paid, key=lambda each: each["status_transitions"]["paid_at"]):
            if invoice["parent"] is None:
                continue
            subscription = invoice["parent"]["subscription_details"]["subscription"]
            for line in invoice["lines"]["data"]:
                product = ((line["pricing"] or {}).get("price_details") or {}).get("product")
                if product not in TARIFFS or line["amount"] <= 0:
                    continue
                period = (subscription, line["period"]["end"])
                before = given_until.get(period, 0)
                given = max(0, TARIFFS[product] - before)
                given_until[period] = before + given
                taken = self._taken_back(given, self._payment_of(invoice))
                due[subscription, product, line["period"]["start"]] = Due(given, taken)
        return due

    def owed(self, organisation: OrganisationId) -> set[str]:
        """Subscriptions that stand as owed."""
        return {
            each["id"]
            for each in self._of(organisation, "subscription")
            if each["status"] in {"past_due", "unpaid"}
        }

    def open_disputes(self, organisation: OrganisationId) -> set[str]:
        mine = {each["id"] for each in self._of(organisation, "charge")}
        return {
            each["id"]
            for each in self.account.all("dispute")
            if each["charge"] in mine and each["status"] not in {"won", "lost"}
        }

    def customer(self, organisation: OrganisationId) -> str | None:
        """Our name is written on it when it is made."""
        name = public_id(Prefix.ORGANISATION, organisation)
        found = [
            each["id"]
            for each in self.account.all("customer")
            if each["metadata"].get("organisation") == name
        ]
        return found[0] if found else None

    def _of(self, organisation: OrganisationId, kind: str) -> Iterator[Record]:
        name = public_id(Prefix.ORGANISATION, organisation)
        customers = {
            each["id"]
            for each in self.account.all("customer")
            if each["metadata"].get("organisation") == name
        }
        return (each for each in self.account.all(kind) if each["customer"] in customers)

    def _payment_of(self, invoice: Record) -> str | None:
        for each in self.account.all("invoice_payment"):
            if each["invoice"] == invoice["id"]:
                payment: str = each["payment"]["payment_intent"]
                return payment
        return None

    def _taken_back(self, given: int, payment: str | None) -> int:
        if payment is None:
            return 0
        for charge in self.account.all("charge"):
            if charge["payment_intent"] != payment or charge["status"] != "succeeded":
                continue
            disputes = [
                each["status"]
                for each in self.account.all("dispute")
                if each["charge"] == charge["id"]
            ]
            if any(status != "won" for status in disputes):
                return given
            return given * int(charge["amount_refunded"]) // int(charge["amount"])
        return 0
