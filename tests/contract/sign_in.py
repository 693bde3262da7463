"""What a contract test needs of a provider: the port, and a browser."""

from collections.abc import Callable

from attrs import frozen

from adapters.memory.identity_provider import Account
from application.ports.identity_provider import Answer, IdentityProvider


@frozen
class SigningIn:
    port: IdentityProvider
    #: Somebody logs in at a page: state and what they bring back.
    log_in: Callable[[str, Account], tuple[str, Answer]]
    #: From now on nobody answers.
    go_away: Callable[[], None]
