"""What was so at an instant, read from the audit trail alone.

Feed `AsOf` the bodies of an organisation's events in their order, and ask it for its `state`: who
was a member in which role, the tariff and the licence as they were last told, every token with
its supply, every credit and the lot it was in.  It knows no decider, no table and no type of the
rest of the domain: a fault of whoever decides, or of whoever writes the tables, shows as a
difference instead of excusing itself.

An event says what it changed.  Those of earlier releases say less; what cannot be told for want
of that is absent from the state, and `State.lacks` says what it is and since which event.
"""

from domain.as_of.fold import AsOf
from domain.as_of.state import Credits, Licence, LotBalance, Membership, State, Token

__all__ = ["AsOf", "Credits", "Licence", "LotBalance", "Membership", "State", "Token"]
