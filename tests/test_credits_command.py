"""`tallystick credits`: what an operator may do to an organisation's credits, and what is told."""

import json
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from application.audit.trail import Trail
from application.credits.post import post
from application.operator.adjust import AdjustCredits, CorrectCapture
from domain.audit import WORKER
from domain.identifiers import HoldId, Prefix, public_id
from domain.ledger import Capture, HoldCredits
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.house import House

HOLD = HoldId(UUID(int=5))


@pytest.fixture
def house(monkeypatch):
    house = House()
    parts = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            store=lambda: house.store,
            clock=lambda: house.clock,
            adjust_credits=lambda: AdjustCredits(**parts),
            correct_capture=lambda: CorrectCapture(**parts),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return house


@pytest.fixture
def run(house):
    organisation = public_id(Prefix.ORGANISATION, house.registered.organisation.id)

    def run(command, *arguments):
        done = CliRunner().invoke(main, ["credits", command, organisation, *arguments])
        assert "Traceback" not in done.output
        return done

    return run


def post_now(house, *commands):
    with house.store.begin(house.caller.scope) as work:
        trail = Trail(
            identifiers=house.identifiers,
            organisation=house.registered.organisation.id,
            actor=WORKER,
        )
        for command in commands:
            assert post(work, trail, command, house.clock.now()) is None
        trail.write(work)


def told(house, action):
    with house.store.begin(house.caller.scope) as work:
        events = work.audit.all(limit=1_000)
    return [event.content()["details"] for event in events if event.action == action]


def test_credits_are_taken_away_and_the_trail_says_why(house, run):
    before = house.wallet.available
    done = run("adjust", "-3", "--reason", "a mistake of ours", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["changed_by"] == -3
    assert json.loads(done.output)["available"] == house.wallet.available == before - 3
    assert told(house, "operator.adjusted_credits") == [
        {"amount": -3, "reason": "a mistake of ours", "reference": None}
    ]
    assert [each["debit"] for each in told(house, "credits.adjusted")] == ["available"]


def test_no_more_is_taken_than_there_is(house, run):
    before = house.wallet.available
    done = run("adjust", f"-{before + 1}", "--reason", "greed", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["code"] == "insufficient_credits"
    assert house.wallet.available == before
    assert not told(house, "operator.adjusted_credits")


def test_credits_are_given(house, run):
    before = house.wallet.available
    done = run("adjust", "+4", "--reason", "an apology")
    assert done.exit_code == 0, done.output
    assert house.wallet.available == before + 4
    assert "changed_by    4" in done.output


@pytest.mark.parametrize("amount", ["-2", "+2"])
@pytest.mark.parametrize("again", ["-2", "+2"])
def test_a_reference_is_used_once(house, run, amount, again):
    assert run("adjust", amount, "--reason", "x", "--reference", "ticket 7").exit_code == 0
    before = house.wallet.available
    done = run("adjust", again, "--reason", "x", "--reference", "ticket 7", "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["code"] == "reference_used"
    assert house.wallet.available == before
    assert run("adjust", again, "--reason", "x", "--reference", "ticket 8").exit_code == 0


def test_a_refused_adjustment_does_not_use_its_reference_up(house, run):
    asked = ("--reason", "x", "--reference", "ticket 7")
    assert run("adjust", "-1000", *asked).exit_code == 1
    assert run("adjust", "-1", *asked).exit_code == 0


@pytest.mark.parametrize("amount", ["0", "-0"])
def test_nothing_is_no_adjustment(run, amount):
    done = run("adjust", amount, "--reason", "x")
    assert done.exit_code == 1
    assert "invalid_amount" in done.output


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_needed(house, run, reason):
    assert "reason_missing" in run("adjust", "-1", "--reason", reason).output
    assert "reason_missing" in run("correct", public_id(Prefix.HOLD, HOLD), "--reason", "").output


def test_a_capture_is_undone_once(house, run):
    before = house.wallet.available
    post_now(
        house,
        HoldCredits(id=HOLD, subject=UUID(int=1), amount=5),
        Capture(id=HOLD),
    )
    hold = public_id(Prefix.HOLD, HOLD)
    done = run("correct", hold, "--amount", "2", "--reason", "half", "--json")
    assert json.loads(done.output)["changed_by"] == 2
    assert json.loads(run("correct", hold, "--reason", "the rest", "--json").output) == {
        "organisation": public_id(Prefix.ORGANISATION, house.registered.organisation.id),
        "changed_by": 3,
        "available": before,
        "held": 0,
        "debt": 0,
    }
    again = run("correct", hold, "--reason", "once more", "--json")
    assert again.exit_code == 1
    assert json.loads(again.output)["code"] == "exceeds_capture"
    assert told(house, "operator.corrected_capture") == [
        {"amount": 2, "hold": hold, "reason": "half", "reference": None},
        {"amount": None, "hold": hold, "reason": "the rest", "reference": None},
    ]


def test_what_was_never_held_cannot_be_corrected(run):
    done = run("correct", public_id(Prefix.HOLD, HOLD), "--reason", "x")
    assert "hold_not_found" in done.output
    assert run("correct", "grt_1", "--reason", "x").exit_code == 2


def test_what_there_is_is_shown(house, run):
    told = json.loads(run("show", "--json").output)
    assert (
        told["available"]
        == house.wallet.available
        == sum(each["remaining"] for each in told["grants"])
    )
    assert (told["held"], told["debt"]) == (0, 0)
    text = run("show").output
    for each in told["grants"]:
        assert each["fact"] in text


def test_an_organisation_that_is_not_there_is_told_apart(house):
    nobody = public_id(Prefix.ORGANISATION, UUID(int=99))
    for arguments in (["show", nobody], ["adjust", nobody, "-1", "--reason", "x"]):
        done = CliRunner().invoke(main, ["credits", *arguments])
        assert done.exit_code == 1
        assert "not_found" in done.output
