"""What every organisation must have, by what a loopback Stripe holds: integers, and our prices.

It reads objects and never events, and knows the catalogue by heart (spec/credits.md).
"""

from collections.abc import Iterator
from typing import Any

from attrs import define, frozen

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


@define
class Sale:
    """Of one tariff, from one moment to the end of its period."""

    subscription: str
    product: str
    start: int
    end: int
    price: int
    payment: str | None
    given: int = 0
    #: Of what was given: gone with time that was not used.
    returned: int = 0
    is_given_up: bool = False


def _alive(like: Sale, sales: list[Sale]) -> int:
    """What the period was given and still has."""
    return sum(
        sale.given - sale.returned
        for sale in sales
        if (sale.subscription, sale.end) == (like.subscription, like.end)
    )


def _give_up(sales: list[Sale], subscription: str, returned: Record, instead: int) -> bool:
    """Of a price's money that is returned, the same share of what it added is; once.

    False: what it was paid for has not been paid so far.
    """
    sold = [
        sale
        for sale in sales
        if (sale.subscription, sale.product) == (subscription, returned["product"])
        and sale.start <= returned["start"]
        and sale.end == returned["end"]
    ]
    if not sold:
        return False
    sale = max(sold, key=lambda each: each.start)
    if not sale.is_given_up:
        sale.is_given_up = True
        added = max(0, min(sale.given, _alive(sale, sales) - instead))
        sale.returned = added * -returned["amount"] // sale.price
    return True


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
        sales: list[Sale] = []
        # What is returned of a price may be paid later than it is returned.
        waiting: list[tuple[str, Record, int]] = []
        for subscription, bought, returned, payment in self._changes(organisation):
            # A lesser tariff goes on where the better one ends, and gives its own credits.
            instead = min((TARIFFS[other["product"]] for other in bought), default=0)
            waiting += [(subscription, each, instead) for each in returned]
            waiting = [each for each in waiting if not _give_up(sales, *each)]
            for each in bought:
                sale = Sale(
                    subscription,
                    each["product"],
                    each["start"],
                    each["end"],
                    each["amount"],
                    payment,
                )
                sale.given = max(0, TARIFFS[sale.product] - _alive(sale, sales))
                sales.append(sale)
            waiting = [each for each in waiting if not _give_up(sales, *each)]
        return {
            (sale.subscription, sale.product, sale.start): Due(
                sale.given,
                sale.returned + self._taken_back(sale.given - sale.returned, sale.payment),
            )
            for sale in sales
        }

    def _changes(
        self, organisation: OrganisationId
    ) -> Iterator[tuple[str, list[Record], list[Record], str | None]]:
        """What was bought and what was returned at one moment, as it was paid; by subscription."""
        paid = [each for each in self._of(organisation, "invoice") if each["status"] == "paid"]
        for invoice in sorted(paid, key=lambda each: each["status_transitions"]["paid_at"]):
            if invoice["parent"] is None:
                continue
            subscription = invoice["parent"]["subscription_details"]["subscription"]
            moments: dict[int, list[Record]] = {}
            for line in invoice["lines"]["data"]:
                product = ((line["pricing"] or {}).get("price_details") or {}).get("product")
                if product in TARIFFS:
                    time = line["period"]
                    moments.setdefault(time["start"], []).append(
                        {"product": product, "amount": line["amount"], **time}
                    )
            for _, lines in sorted(moments.items()):
                bought = [each for each in lines if each["amount"] > 0]
                returned = [each for each in lines if each["amount"] < 0]
                yield subscription, bought, returned, self._payment_of(invoice)

    def is_refunded(self, invoice: Record) -> bool:
        """Whether all that was paid with it is back with its payer."""
        payment = self._payment_of(invoice)
        charges = [
            each
            for each in self.account.all("charge")
            if payment is not None
            and each["payment_intent"] == payment
            and each["status"] == "succeeded"
        ]
        return bool(charges) and all(each["amount_refunded"] == each["amount"] for each in charges)

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
