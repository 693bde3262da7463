"""The accounts of one organisation's books.  None is shared between organisations."""

from enum import StrEnum


class LedgerAccount(StrEnum):
    ISSUED_PLAN = "issued:plan"
    ISSUED_PACK = "issued:pack"
    ISSUED_PROMO = "issued:promo"
    ISSUED_GIFT = "issued:gift"
    AVAILABLE = "available"
    HELD = "held"
    SPENT = "spent"
    EXPIRED = "expired"
    #: What is owed, as a negative balance.
    DEBT = "debt"
    ADJUST = "adjust"
    #: What was given to others; over all organisations, what they got less what is under way.
    TRANSIT = "transit"
