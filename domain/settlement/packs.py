"""What a one-off payment means for us."""

from attrs import evolve, frozen

from domain.catalogue import Catalogue, Pack
from domain.payment import Purchase
from domain.settlement.prices import differs, was_ours
from domain.settlement.states import Mismatch, PackState, refunded


@frozen(kw_only=True)
class PackFacts:
    purchase: Purchase
    #: What the purchase is of, where it was not known before.
    pack: Pack | None
    #: What was asked for it, before taxes.
    asked_minor: int


def of_pack(
    state: PackState, catalogue: Catalogue, known: Purchase | None, version: int
) -> PackFacts | Mismatch | None:
    """None: nothing is paid.  What a known purchase was worth stays as it was recorded."""
    money = state.money
    if money is None:
        return None
    if known is not None:
        purchase = evolve(known, refunded_minor=refunded(money), version=version)
        return PackFacts(purchase=purchase, pack=None, asked_minor=state.asked_minor)
    pack = next(
        (
            each
            for each in catalogue.packs.values()
            if catalogue.pack_key(each.name) == state.price.key
        ),
        None,
    )
    if pack is None:
        return Mismatch(subject=money.payment, detail=f"no pack has the price {state.price.key!r}")
    ours = (pack.price_minor, catalogue.currency)
    price = (state.price.amount_minor, state.price.currency)
    if price != ours and not was_ours(state.price, catalogue):
        detail = differs(pack.name, "the price is", price, ours)
        return Mismatch(subject=money.payment, detail=detail)
    asked = (state.asked_minor, money.currency)
    if asked != price:
        detail = f"{pack.name}: asked for was {asked[0]} {asked[1]} at a price of {price[0]}"
        return Mismatch(subject=money.payment, detail=detail)
    if state.quantity != 1 or money.amount_minor < state.price.amount_minor:
        detail = f"{money.amount_minor} were paid for {state.quantity} × {pack.name}"
        return Mismatch(subject=money.payment, detail=detail)
    return PackFacts(
        purchase=Purchase(
            payment=money.payment,
            pack=pack.name,
            credits=pack.credits,
            amount_minor=money.amount_minor,
            currency=money.currency,
            paid_at=money.paid_at,
            refunded_minor=refunded(money),
            version=version,
        ),
        pack=pack,
        asked_minor=state.asked_minor,
    )
