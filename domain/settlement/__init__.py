"""What a payment provider's object, fetched whole, means for us: facts, or a contradiction.

Pure rules over what was fetched, what is known and the catalogue.  Prices are ours: what was paid
is looked up by the price's key, and where its amount is neither the catalogue's nor one that we
published before, or its currency is another, nothing is granted and a person is called
(`Mismatch`).  What was recorded once is not asked about again: its refunds apply whatever the
catalogue has become.
"""

from domain.settlement.packs import (
    PackFacts,
    of_pack,
)
from domain.settlement.states import (
    DisputeState,
    InvoiceState,
    ItemPrice,
    Line,
    Mismatch,
    Money,
    PackState,
    Standing,
    State,
    SubscriptionState,
    moneys,
)
from domain.settlement.subscriptions import (
    SubscriptionFacts,
    of_subscription,
)

__all__ = [
    "DisputeState",
    "InvoiceState",
    "ItemPrice",
    "Line",
    "Mismatch",
    "Money",
    "PackFacts",
    "PackState",
    "Standing",
    "State",
    "SubscriptionFacts",
    "SubscriptionState",
    "moneys",
    "of_pack",
    "of_subscription",
]
