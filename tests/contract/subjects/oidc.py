from collections.abc import Iterator
from contextlib import contextmanager

from adapters.egress import Guard, Rules
from adapters.memory.clock import MemoryClock
from adapters.memory.identity_provider import Account
from adapters.oidc import Client, connect
from application.ports.identity_provider import Answer
from tests.contract.sign_in import SigningIn
from tests.oidc.provider import CALLBACK, CLIENT_ID, CLIENT_SECRET, Person, Provider


@contextmanager
def identity_provider() -> Iterator[SigningIn]:
    clock = MemoryClock()
    with Provider.running(clock) as running:
        client = Client(
            issuer=running.issuer, id=CLIENT_ID, secret=CLIENT_SECRET, redirect_url=CALLBACK
        )
        port = connect(client, Guard(Rules(allows_plain=True, allows_loopback=True)), clock)

        def log_in(url: str, account: Account) -> tuple[str, Answer]:
            person = Person(account.subject, account.email, account.is_verified)
            back = running.log_in(url, person)
            return back["state"], Answer(code=back["code"], issuer=back["iss"])

        def go_away() -> None:
            paths = ("/.well-known/openid-configuration", "/token", "/jwks")
            running.broken.update({path: (503, {}) for path in paths})

        yield SigningIn(port, log_in, go_away)
