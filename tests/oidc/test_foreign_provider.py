"""The adapter against a provider that others have written (oidc-provider-mock), as a process."""

from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, build_opener

import pytest

from adapters.oidc import Client, connect
from adapters.system import SystemClock
from application.ports.identity_provider import Answer, Identified, IdentityRefusedError
from entrypoints.devnet import login_provider
from tests.oidc.conftest import a_handshake
from tests.oidc.provider import CALLBACK, _Stay

PEOPLE = {
    "sub-ada": {"email": "ada@example.org", "email_verified": True},
    "sub-eve": {"email": "ada@example.org", "email_verified": False},
}


@pytest.fixture(scope="module")
def foreign():
    if (problem := login_provider.problem()) is not None:
        pytest.skip(problem)
    with login_provider.LoginProvider(PEOPLE) as running:
        yield running


@pytest.fixture
def client(foreign, guard):
    settings = {"issuer": foreign.issuer, "id": "tallystick", "secret": "s3cret"}
    return connect(Client(**settings, redirect_url=CALLBACK), guard, SystemClock())


def log_in(url, subject):
    form = Request(url, urlencode({"sub": subject}).encode())  # noqa: S310 - our own server
    with build_opener(_Stay).open(form, timeout=10) as answered:
        back = parse_qs(urlsplit(answered.headers["Location"]).query)
    return {name: found for name, (found,) in back.items()}


def test_somebody_logs_in_once_and_as_themselves(client, foreign):
    shaken = a_handshake()
    back = log_in(client.page(shaken), "sub-ada")
    assert back["state"] == shaken.state
    answer = Answer(code=back["code"], issuer=back.get("iss"))
    assert client.identify(answer, shaken) == Identified(
        issuer=foreign.issuer, subject="sub-ada", verified_email="ada@example.org"
    )
    with pytest.raises(IdentityRefusedError, match="code"):
        client.identify(answer, shaken)


def test_an_address_that_it_has_not_verified_is_none(client):
    back = log_in(client.page(a_handshake()), "sub-eve")
    found = client.identify(Answer(code=back["code"]), a_handshake())
    assert (found.subject, found.verified_email) == ("sub-eve", None)


def test_somebody_elses_code_is_refused_also_by_us(client):
    """This provider does not look at the verifier: the nonce tells."""
    stolen = log_in(client.page(a_handshake(1)), "sub-ada")
    with pytest.raises(IdentityRefusedError, match="nonce"):
        client.identify(Answer(code=stolen["code"]), a_handshake(2))
