"""How many letters may be written: to one address, and for one network.

Counted beside failed log-ins, under hashes: the row does not tell whether anybody has the address.
"""

import hashlib

from attrs import frozen

from application.ports.clock import Clock
from application.ports.storage.work import Work
from domain.abuse import LoginFailures, counted
from domain.errors import Refusal
from domain.letter import MOST_FROM_A_NETWORK, MOST_TO_AN_ADDRESS


@frozen(kw_only=True)
class Allowed:
    #: Whether the address gets one more letter.  What it is answered must not tell.
    to_address: bool


def count_letter(work: Work, clock: Clock, email: str, source: str | None) -> Allowed | Refusal:
    """Count one more; refused where the network has asked for too many.

    Takes locks: it comes first in a transaction.
    """
    address = _key("address", email)
    network = _key("network", source or "")
    # In the order of their keys, whichever is first.
    found = {key: work.login_attempts.lock(key) for key in sorted((address, network))}
    now = clock.now()
    by_network = counted(found[network], MOST_FROM_A_NETWORK, now)
    if not isinstance(by_network, LoginFailures):
        return Refusal(
            code="rate_limited",
            detail="too many letters were asked for from this network",
            retry_after=by_network,
        )
    work.login_attempts.put(network, by_network)
    to_address = counted(found[address], MOST_TO_AN_ADDRESS, now)
    is_allowed = isinstance(to_address, LoginFailures)
    # Written in any case: an address that has had its letters costs what another one costs.
    after = to_address if isinstance(to_address, LoginFailures) else found[address]
    work.login_attempts.put(address, after)
    return Allowed(to_address=is_allowed)


def _key(kind: str, text: str) -> bytes:
    return hashlib.sha256(f"letters to {kind}\0{text}".encode(errors="surrogatepass")).digest()
