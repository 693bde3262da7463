"""What one look at the world came to: data, to be recorded in one place."""

from attrs import frozen

from domain.deployment import Event
from domain.operation import Postponed, Signer, SlotTerms


@frozen(kw_only=True)
class Reserve:
    """Ready for a slot."""

    terms: SlotTerms
    #: Address of the signer whose slot it is.
    signer: str


@frozen(kw_only=True)
class IssuerBalance:
    """What an issuing account holds that is to pay for a step itself."""

    address: str
    balance: int
    is_enough: bool


@frozen(kw_only=True)
class Finding:
    #: What happened, in order.
    events: tuple[Event, ...] = ()
    #: Why it cannot go on now; None: look again at once.
    wait: Postponed | None = None
    reserve: Reserve | None = None
    #: Where the step is paid for by the issuing account, and it changed whether that can.
    issuer: IssuerBalance | None = None
    #: The owner's address and the token's, where they were not known before.
    owner: str | None = None
    predicted: str | None = None
    #: The signer under whose fence this was done; recorded only if it still holds.
    fenced: Signer | None = None
    #: The operation must not begin any more: its hold is given back first, and not as our failure.
    is_withdrawn: bool = False
    #: Why the signer must be halted.
    halts_signer: str | None = None
    #: Address of that one; None: the sender.
    signer: str | None = None
