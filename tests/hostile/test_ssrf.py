"""Having us ask our own machine, our network or a cloud's metadata: by number, by name, later.

Every address of the registries, `tests/adapters/egress/` tries; here it is what a member and a
provider can reach through us.
"""

import pytest

from adapters.egress import Guard, Rules
from adapters.memory.clock import MemoryClock
from adapters.oidc import Client, connect
from application.notifications.endpoints import RegisterEndpoint
from application.ports.egress import EgressRefusedError
from application.ports.identity_provider import IdentityRefusedError
from tests.http.prepared import app_of
from tests.http.site import Site, services_of, webhooks_of
from tests.oidc.conftest import a_handshake

INSIDE = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
    "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/",
    "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/latest/",
    "https://[::ffff:a9fe:a9fe]/", "https://[64:ff9b::a9fe:a9fe]/", "https://100.100.100.200/",
    "https://192.0.0.192/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/",
    "https://168.63.129.16/", "https://metadata@169.254.169.254/", "https://example.com@127.0.0.1/",
    "http://example.com/", "gopher://127.0.0.1:6379/_INFO", "file:///etc/passwd",
    "https://example.com\\@127.0.0.1/", "https://example.com:6379/", "https://127.0.0.1。/",
]  # fmt: skip


class Names:
    """A resolver of the attacker's: each question has its own answer."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host, port):
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


@pytest.fixture
def guarded(house):
    """The API with the real guard; *names* resolves."""
    from litestar.testing import TestClient

    clients = []

    def make(*answers):
        guard = Guard(Rules(connect_seconds=1, total_seconds=2), Names(*answers))
        hooks = webhooks_of(house)
        common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
        hooks["register_endpoint"] = RegisterEndpoint(
            **common, egress=guard, secrets=house.webhook_secrets
        )
        services = services_of(house, **hooks)
        client = TestClient(app_of(services), raise_server_exceptions=False)
        clients.append(client.__enter__())
        return Site(house, services, client), guard

    yield make
    for client in clients:
        client.__exit__(None, None, None)


def test_no_receiver_is_inside(guarded):
    site, _ = guarded("93.184.216.34")
    ada = site.register()
    for number, url in enumerate(INSIDE):
        answered = ada.post(
            "/v1/webhook_endpoints", {"url": url}, headers={"Idempotency-Key": str(number)}
        )
        assert answered.json()["code"] == "webhook_url_refused", url


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:169.254.169.254", "10.1.2.3"]
)
def test_a_name_that_leads_inside_is_refused_when_it_is_said(guarded, inside):
    site, _ = guarded(inside)
    ada = site.register()
    hook = {"url": "https://rebind.evil.example/"}
    answered = ada.post("/v1/webhook_endpoints", hook, headers={"Idempotency-Key": "k"})
    assert answered.json()["code"] == "webhook_url_refused"
    # Where it leads is our business: no address is told.
    assert inside not in answered.text


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::1"])
def test_a_name_that_leads_inside_only_later_is_refused_then(guarded, inside, monkeypatch):
    """DNS rebinding: public when it is registered, inside when it is sent to."""
    import socket

    def never(*_):
        raise AssertionError("somebody was connected to")

    monkeypatch.setattr(socket, "create_connection", never)
    site, guard = guarded("93.184.216.34", inside)
    ada = site.register()
    hook = {"url": "https://rebind.evil.example/"}
    made = ada.post("/v1/webhook_endpoints", hook, headers={"Idempotency-Key": "k"})
    assert made.status_code == 201
    with pytest.raises(EgressRefusedError), guard.line(hook["url"]) as line:
        line.post(b"{}", {})


def test_one_address_of_several_is_enough_to_be_refused():
    guard = Guard(Rules(), lambda *_: ["93.184.216.34", "169.254.169.254"])
    with pytest.raises(EgressRefusedError):
        guard.fetch("https://both.evil.example/", {}, 10)


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::1"])
def test_a_provider_of_log_ins_that_moves_inside_is_not_asked(inside, monkeypatch):
    import socket

    def never(*_):
        raise AssertionError("somebody was connected to")

    monkeypatch.setattr(socket, "create_connection", never)
    client = Client(
        issuer="https://login.evil.example", id="x", redirect_url="https://issue.example.com/"
    )
    provider = connect(client, Guard(Rules(), Names(inside)), MemoryClock())
    with pytest.raises(IdentityRefusedError, match="address_refused"):
        provider.page(a_handshake())
