"""Have what the catalogue sells for sale at the payment provider's."""

from collections.abc import Iterator

from attrs import frozen

from application.ports.payments import Payments, Priced
from domain.catalogue import Catalogue


@frozen(kw_only=True)
class PublishCatalogue:
    payments: Payments
    catalogue: Catalogue

    def __call__(self) -> list[tuple[Priced, bool]]:
        """Each item, and whether it is new or has another price now; may be repeated.

        Raises: PaymentsRefusedError, PaymentsUnavailableError.
        """
        return [(item, self.payments.publish(item)) for item in _items(self.catalogue)]


def _items(catalogue: Catalogue) -> Iterator[Priced]:
    for tariff in catalogue.tariffs.values():
        # What is agreed upon in each case has a price of its own in each case.
        if tariff.price_minor and not tariff.is_price_least:
            yield Priced(
                key=catalogue.tariff_key(tariff.name),
                name=f"{catalogue.name}: {tariff.name}",
                amount_minor=tariff.price_minor,
                currency=catalogue.currency,
                is_recurring=True,
            )
    for pack in catalogue.packs.values():
        yield Priced(
            key=catalogue.pack_key(pack.name),
            name=f"{catalogue.name}: {pack.credits} credits",
            amount_minor=pack.price_minor,
            currency=catalogue.currency,
            is_recurring=False,
        )
