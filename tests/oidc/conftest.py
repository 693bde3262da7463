import pytest

from adapters.egress import Guard, Rules
from adapters.memory.clock import MemoryClock
from adapters.oidc import Client, connect
from application.access.sign_in_flow import FlowToken
from application.ports.identity_provider import Answer
from tests.oidc.provider import CALLBACK, CLIENT_ID, CLIENT_SECRET, Provider


@pytest.fixture
def clock():
    return MemoryClock()


@pytest.fixture
def provider(clock):
    with Provider.running(clock) as running:
        yield running


@pytest.fixture
def guard():
    return Guard(Rules(allows_plain=True, allows_loopback=True, total_seconds=5))


@pytest.fixture
def client(provider, guard, clock):
    """What we are, at that provider."""
    return connected(provider, guard, clock)


def connected(provider, guard, clock, **changes):
    settings = {
        "issuer": provider.issuer,
        "id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "redirect_url": CALLBACK,
    }
    return connect(Client(**settings | changes), guard, clock)


def a_handshake(number=1):
    return FlowToken(flow=_uuid(number), secret=bytes([number]) * 32).handshake


def _uuid(number):
    from uuid import UUID

    return UUID(int=number)


def answer_of(back, **changes):
    return Answer(**{"code": back["code"], "issuer": back.get("iss")} | changes)
