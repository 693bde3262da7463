from urllib.parse import parse_qs, urlencode, urlsplit

from attrs import define, field

from application.ports.identity_provider import (
    Answer,
    Handshake,
    Identified,
    IdentityProvider,
    IdentityRefusedError,
    IdentityUnavailableError,
)


@define
class Account:
    """Somebody at the provider."""

    subject: str
    email: str | None = None
    is_verified: bool = True


@define(eq=False)
class MemoryIdentityProvider(IdentityProvider):
    """Lets in whoever a test says, on a page that nobody sees."""

    issuer: str = "https://login.memory.example"
    is_away: bool = False
    #: By code: who logged in, and what the page was asked with.
    _codes: dict[str, tuple[Account, dict[str, str]]] = field(factory=dict)

    def page(self, handshake: Handshake) -> str:
        self._be_there()
        asked = {
            "state": handshake.state,
            "nonce": handshake.nonce,
            "challenge": _challenge(handshake.verifier),
        }
        return f"{self.issuer}/authorize?{urlencode(asked)}"

    def log_in(self, url: str, account: Account) -> tuple[str, str]:
        """At the page of that URL: code and state, as they are sent back with."""
        asked = {name: found for name, (found,) in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = (account, asked)
        return code, asked["state"]

    def identify(self, answer: Answer, handshake: Handshake) -> Identified:
        self._be_there()
        if answer.issuer not in {None, self.issuer}:
            raise IdentityRefusedError("issuer")
        if answer.code not in self._codes:
            raise IdentityRefusedError("code")
        account, asked = self._codes.pop(answer.code)
        if asked["challenge"] != _challenge(handshake.verifier):
            raise IdentityRefusedError("code")
        if asked["nonce"] != handshake.nonce:
            raise IdentityRefusedError("nonce")
        return Identified(
            issuer=self.issuer,
            subject=account.subject,
            verified_email=account.email if account.is_verified else None,
        )

    def _be_there(self) -> None:
        if self.is_away:
            raise IdentityUnavailableError("the provider does not answer")


def _challenge(verifier: str) -> str:
    return f"of {verifier[::-1]}"
