"""Somebody else who knows people: their log-in instead of a password of ours.

Who adapts a provider tells two kinds of bad news::

    IdentityRefusedError       final: this code, or what came for it, proves nothing
    IdentityUnavailableError   no answer; the code may be used up all the same
"""

from typing import Protocol

from attrs import field, frozen


class IdentityRefusedError(Exception):
    """``code`` is for programs, and for whoever sets it up; nothing in it is the provider's."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the provider's answer is not good: {code}")
        self.code = code


class IdentityUnavailableError(Exception):
    """The provider does not answer, or not so that it could be understood."""


@frozen(kw_only=True)
class Handshake:
    """What one sign-in is recognised by; each part can be told from no other."""

    #: Comes back with the code.
    state: str
    #: Comes back within the signed token.
    nonce: str = field(repr=False)
    #: PKCE (RFC 7636): shown with the code; before, its hash only.
    verifier: str = field(repr=False)


@frozen(kw_only=True)
class Answer:
    """What somebody brings back from the provider."""

    code: str = field(repr=False)
    #: Who says so, where it is said (RFC 9207).
    issuer: str | None = None


@frozen(kw_only=True)
class Identified:
    issuer: str
    subject: str = field(repr=False)
    #: None: there is none, or the provider does not say that it is theirs.
    verified_email: str | None = field(default=None, repr=False)


class IdentityProvider(Protocol):
    @property
    def issuer(self) -> str:
        """Who it is, in every identity of its people, for ever."""
        ...

    def page(self, handshake: Handshake) -> str:
        """The URL at which somebody logs in there.

        Raises: IdentityRefusedError, IdentityUnavailableError.
        """
        ...

    def identify(self, answer: Answer, handshake: Handshake) -> Identified:
        """Who it was.  Uses the code up.

        Raises: IdentityRefusedError, IdentityUnavailableError.
        """
        ...
