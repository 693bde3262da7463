"""Who is registered: neither an answer tells it, nor the work behind it.

Time is not measured but counted: what takes time here is comparing passwords, asking the store,
and wrapping, and there is as much of each for an address that is known as for one that is not.
"""

from contextlib import contextmanager

import pytest
from litestar.testing import TestClient

from adapters.memory.passwords import MemoryPasswords
from adapters.memory.storage.store import MemoryStore
from adapters.memory.wrapping import MemoryKeyWrapping
from tests.application.house import House
from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Site, identity_of, services_of, without_request_id
from tests.http.test_identity import register

KNOWN, UNKNOWN = "ada@example.org", "eve@example.org"


@pytest.fixture
def site():
    house = House()
    services = services_of(house, **identity_of(house, verifies=True))
    with TestClient(app_of(services), raise_server_exceptions=False) as client:
        made = Site(house, services, client)
        register(made, KNOWN)
        yield made


@pytest.fixture
def work(monkeypatch):
    """Names of what was done, in its order."""
    done = []

    def counted(kind, name):
        real = getattr(kind, name)

        def count(self, *args, **kwargs):
            done.append(f"{kind.__name__}.{name}")
            return real(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, count)

    for name in ("verify", "hash"):
        counted(MemoryPasswords, name)
    for name in ("wrap", "unwrap"):
        counted(MemoryKeyWrapping, name)
    real = MemoryStore.begin

    @contextmanager
    def begin(self, scope):
        done.append("a transaction")
        with real(self, scope) as opened:
            yield opened

    monkeypatch.setattr(MemoryStore, "begin", begin)
    return done


def compared(site, work, path, body):
    """The answers, without what is random in them, and what was done for each."""
    answers, costs = [], []
    for address in (KNOWN, UNKNOWN):
        work.clear()
        answered = site.call("POST", path, json=body | {"email": address})
        answers.append(without_request_id(answered))
        costs.append(list(work))
        for header in ("traceparent", "Traceparent"):
            answers[-1]["headers"].pop(header.lower(), None)
    assert answers[0] == answers[1]
    assert costs[0] == costs[1]
    return answers[0], costs[0]


def test_signing_up_with_an_address_that_is_taken(site, work):
    body = {"password": PASSWORD, "organisation": "Evil"}
    answer, cost = compared(site, work, "/v1/auth/register", body)
    assert answer["status"] == 202
    assert cost.count("MemoryPasswords.hash") == 1
    assert cost.count("MemoryKeyWrapping.wrap") == 1


def test_asking_for_a_forgotten_password(site, work):
    answer, cost = compared(site, work, "/v1/auth/password/reset", {})
    assert answer["status"] == 202
    assert cost.count("MemoryKeyWrapping.wrap") == 1


def test_logging_in_with_a_wrong_password(site, work):
    """Each of the first four: the fifth locks, which the trail of somebody known has to tell."""
    for _ in range(4):
        answer, cost = compared(site, work, "/v1/auth/login", {"password": "not the right one"})
        assert (answer["status"], answer["body"]["code"]) == (401, "invalid_credentials")
        assert cost.count("MemoryPasswords.verify") == 1
    # Locked, and both alike.
    for address in (KNOWN, UNKNOWN):
        wrong = {"email": address, "password": "not the right one"}
        site.call("POST", "/v1/auth/login", json=wrong)
    answer, cost = compared(site, work, "/v1/auth/login", {"password": PASSWORD})
    assert answer["body"]["code"] == "account_locked"
    assert cost == ["a transaction"]


def test_inviting_somebody(site, work):
    owner = register(site, "owner@example.org")
    costs = []
    for address in (KNOWN, UNKNOWN):
        work.clear()
        invited = owner.post("/v1/members/invitations", {"email": address, "role": "auditor"})
        assert invited.status_code == 201
        assert set(invited.json()) == {"id", "email", "role", "state", "invited_at", "expires_at"}
        costs.append(list(work))
    assert costs[0] == costs[1]


def test_a_made_up_token_of_a_letter_says_nothing_of_anybody(site, work):
    answers = [
        without_request_id(site.call("POST", path, json={"token": token, "password": PASSWORD}))
        for path in ("/v1/auth/verify", "/v1/auth/password/reset/confirm")
        for token in ("x", "A" * 86, "A" * 85 + "=")
    ]
    assert {answer["body"]["code"] for answer in answers} == {"invalid_mail_token"}
