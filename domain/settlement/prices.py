"""Prices are ours: which of them a price at the provider's is, or was."""

from domain.catalogue import Catalogue, Tariff
from domain.settlement.states import ItemPrice


def tariff_of(price: ItemPrice, catalogue: Catalogue) -> Tariff | str:
    """The tariff, or why it is none."""
    tariff = next(
        (
            each
            for each in catalogue.tariffs.values()
            if catalogue.tariff_key(each.name) == price.key
        ),
        None,
    )
    if tariff is None:
        return f"no tariff has the price {price.key!r}"
    expected = (tariff.price_minor, catalogue.currency)
    found = (price.amount_minor, price.currency)
    is_agreed = tariff.is_price_least and found[0] >= expected[0] and found[1] == expected[1]
    if found == expected or is_agreed or was_ours(price, catalogue):
        return tariff
    return differs(tariff.name, "the price is", found, expected)


def was_ours(price: ItemPrice, catalogue: Catalogue) -> bool:
    """Whether we asked for it once: pages that were open then and subscriptions go on at it."""
    return price.is_published and price.amount_minor > 0 and price.currency == catalogue.currency


def differs(name: str, what: str, found: tuple[int, str], expected: tuple[int, str]) -> str:
    (amount, currency), (ours, our_currency) = found, expected
    return f"{name}: {what} {amount} {currency}, and in the catalogue it is {ours} {our_currency}"
