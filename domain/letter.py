"""Mail that the product sends: what kinds there are, how long a token lasts, when to try again.

Sending has three ends.  *Sent*: a server took it.  *Refused*: it will never be taken.  *Unknown*:
the connection broke after the text had left us; then it is tried again once only, and late,
because the first may have arrived.
"""

from datetime import timedelta
from enum import StrEnum


class LetterKind(StrEnum):
    #: Finishes a registration.
    REGISTRATION = "registration"
    #: Somebody registers with an address that has a user: told to the user.
    ADDRESS_KNOWN = "address_known"
    #: Verifies the address of a user who is there.
    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a kind
    #: It was changed: told to the user.
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a kind
    #: An identity at a provider of log-ins was linked: told to the user.
    IDENTITY_LINKED = "identity_linked"
    INVITATION = "invitation"
    #: Is never sent.  Written where there is nobody to write to, so that asking for somebody who
    #: is unknown takes the same work.
    TO_NOBODY = "to_nobody"


#: How long what a letter carries may be used; a letter without a token is told late or never.
LIVES = {
    LetterKind.REGISTRATION: timedelta(hours=24),
    LetterKind.ADDRESS_KNOWN: timedelta(hours=24),
    LetterKind.VERIFICATION: timedelta(hours=24),
    LetterKind.PASSWORD_RESET: timedelta(hours=1),
    LetterKind.PASSWORD_CHANGED: timedelta(hours=24),
    LetterKind.IDENTITY_LINKED: timedelta(hours=24),
    LetterKind.INVITATION: timedelta(days=7),
    LetterKind.TO_NOBODY: timedelta(hours=24),
}

#: How long a worker has to send one, before another may try.
LEASE = timedelta(minutes=2)
#: Between attempts of which nothing arrived; the last stands for all later ones.
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
)
MOST_ATTEMPTS = 12
#: After an attempt of which nobody knows whether it arrived.
AFTER_UNKNOWN = timedelta(minutes=15)

#: Letters in an hour: to one address, and asked for from one network.
MOST_TO_AN_ADDRESS = 3
MOST_FROM_A_NETWORK = 30

#: What means something in a header beside the address (RFC 5322), or is escaped in one.
_SYNTAX = frozenset(' "(),:;<>[]\\')


def is_plain_address(text: str) -> bool:
    """Whether mail can be sent to it, and there is one way to read it: no quotes, lists, groups,
    comments, and nothing that ends a header.
    """
    local, at, host = text.rpartition("@")
    is_plain = text.isascii() and text.isprintable() and not set(text) & _SYNTAX
    return bool(local and at and host and is_plain) and "@" not in local


def pause_after(attempts: int) -> timedelta | None:
    """How long to wait after that many attempts in vain; None: it is given up."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return PAUSES[min(attempts, len(PAUSES)) - 1]
