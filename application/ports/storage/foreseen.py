"""What will be asked next, as far as it is known now."""

from collections.abc import Sequence

from attrs import frozen

from domain.identifiers import NetworkId
from domain.network import Family


@frozen(kw_only=True)
class Foreseen:
    """What whoever accepts a deployment asks under the wallet's lock.

    A store may find all of it together with the lock.  It changes no answer: what is asked
    otherwise is asked by itself.
    """

    network: NetworkId
    family: Family
    live: bool
    #: As holds name whoever asks for them.
    asker: str
    #: Whose credits of an hour are counted.
    spenders: Sequence[str]
    #: Economic facts that may have been granted.
    facts: Sequence[str]
