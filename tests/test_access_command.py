"""`tallystick access`: what an operator ends, and what is told."""

import json
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from application.access.api_keys import CreateApiKey, KeyRequest
from application.access.authenticate import Authenticate, write_key
from application.access.caller import Caller
from application.operator.end_access import EndAllAccess
from application.operator.leaked_key import RevokeLeakedKey
from application.ports.storage.work import Scope
from domain.identifiers import ApiKeyId, Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.house import House


@pytest.fixture
def house(monkeypatch):
    house = House()
    parts = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            end_all_access=lambda: EndAllAccess(**parts),
            revoke_leaked_key=lambda: RevokeLeakedKey(**parts),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return house


@pytest.fixture
def run(house):
    def run(*arguments, **options):
        done = CliRunner().invoke(main, ["access", *arguments], **options)
        assert "Traceback" not in done.output
        return done

    return run


def epoch(house):
    with house.store.begin(Scope()) as work:
        return work.access_epoch.current()


def test_all_access_is_ended_and_the_answer_is_for_programs(house, run):
    done = run("end-all", "--yes", "--reason", "restored", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"auth_epoch": 1}
    assert epoch(house) == 1


def test_it_asks_first(house, run):
    for answer, status, after in (("n\n", 1, 0), ("", 1, 0), ("y\n", 0, 1)):
        done = run("end-all", "--reason", "restored", "--json", input=answer)
        assert (done.exit_code, epoch(house)) == (status, after)
        assert "cannot be undone" in done.stderr
        if not status:
            assert json.loads(done.stdout) == {"auth_epoch": 1}


def test_without_a_reason_nothing_ends(house, run):
    done = run("end-all", "--yes", "--reason", " ", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "reason_missing")
    assert run("end-all", "--yes").exit_code == 2
    assert epoch(house) == 0


@pytest.fixture
def made(house):
    """A key of somebody's, which has leaked."""
    create = CreateApiKey(
        store=house.store,
        clock=house.clock,
        identifiers=house.identifiers,
        people=house.people,
    )
    return create(house.caller, KeyRequest(name="ci", live=False, scopes=None, expires_at=None))


def lets_in(house, made):
    door = Authenticate(store=house.store, clock=house.clock)
    return isinstance(door.api_key(made.text, "req_1"), Caller)


def revoked_events(house):
    with house.store.begin(house.caller.scope) as work:
        events = [each.content() for each in work.audit.all(limit=1_000)]
    return [each for each in events if each["action"] == "api_key.revoked"]


@pytest.mark.parametrize("by_id", [True, False])
def test_a_leaked_key_is_revoked_and_its_organisation_is_told(house, run, made, by_id):
    name = public_id(Prefix.API_KEY, made.key.id)
    given = (name,) if by_id else ()
    reason = ("--reason", "seen in a public repository", "--json")
    assert lets_in(house, made)
    for is_repeated in (False, True):
        done = run("revoke-key", *given, *reason, input=f"{made.text}\n")
        assert done.exit_code == 0, done.output
        assert made.text not in done.output
        told = json.loads(done.stdout)
        assert (told["key"], told["was_revoked_before"]) == (name, is_repeated)
        assert told["organisation"] == public_id(Prefix.ORGANISATION, made.key.organisation)
        assert not lets_in(house, made)
    (event,) = revoked_events(house)
    assert (event["subject"], event["actor"]["kind"]) == (name, "operator")
    assert event["details"] == {"reason": "seen in a public repository"}


def test_a_made_up_key_revokes_nobodys(house, run, made):
    """Its id is no secret, and anybody makes a checksum."""
    forged = write_key(made.key.id, "0" * 48, live=False)
    done = run("revoke-key", "--reason", "a report", "--json", input=forged)
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "invalid_api_key")
    assert "not its secret" in done.stdout
    assert forged not in done.output
    assert lets_in(house, made)
    assert revoked_events(house) == []


@pytest.mark.parametrize(
    ("given", "typed", "code"),
    [
        ((), "tsk_test_cut", "invalid_api_key"),
        ((), "", "invalid_api_key"),
        ((public_id(Prefix.API_KEY, ApiKeyId(UUID(int=7))),), "", "not_found"),
        ((), write_key(ApiKeyId(UUID(int=7)), "0" * 48, live=True), "not_found"),
    ],
)
def test_what_is_no_key_of_this_installation_is_said(run, given, typed, code):
    done = run("revoke-key", *given, "--reason", "a report", "--json", input=typed)
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, code)


def test_a_secret_is_no_argument_and_is_not_repeated(house, run, made):
    for wrong in (made.text, "org_00000000000000000000000000"):
        done = run("revoke-key", wrong, "--reason", "a report")
        assert done.exit_code == 2
        assert wrong not in done.output
    assert "standard input" in run("revoke-key", made.text, "--reason", "x").stderr
    assert lets_in(house, made)


def test_why_it_is_revoked_has_to_be_said(house, run, made):
    done = run("revoke-key", public_id(Prefix.API_KEY, made.key.id), "--reason", " ", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "reason_missing")
    assert lets_in(house, made)
