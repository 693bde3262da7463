"""The state as of an instant, from bodies that are written by hand."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from domain.as_of import AsOf

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
OPENED = {
    "effective_at": "2026-11-20T12:00:00.000000Z",
    "expires_at": None,
    "fact": "pack:1",
    "source": "pack",
}


@pytest.fixture
def told():
    """Tells events to a state as of `LATER`; each has the number after the last one's."""
    as_of, numbers = AsOf(LATER), count(1)

    def tell(action, details, *, subject="org_1", at=NOW, sequence=None):
        body = {
            "action": action,
            "at": at.isoformat(),
            "details": details,
            "id": "evt_1",
            "organisation": "org_1",
            "sequence": sequence or next(numbers),
            "subject": subject,
        }
        assert as_of.feed(body) is (at <= LATER or action == "number.voided")
        return as_of.state()

    return tell


def line(number, amount, debit, credit, **more):
    return {
        "amount": amount,
        "credit": credit,
        "debit": debit,
        "journal_sequence": number,
        **more,
    }


def granted(told, amount=10):
    details = line(1, amount, "issued:pack", "available", grant="grt_1", opens=OPENED)
    return told("credits.granted", details)


def test_a_hold_of_an_older_release_leaves_the_grants_untold(told):
    granted(told)
    state = told("credits.held", line(2, 4, "available", "held", hold="hold_1"))
    assert (state.credits.available, state.credits.held) == (6, 4)
    assert state.credits.lots is None
    assert state.lacks == ("the credits of each grant: event 2 does not say which ones it moved",)
    # It stays so: what was moved before is not made good by what is told later.
    state = told(
        "credits.held", line(3, 1, "available", "held", hold="hold_2", grants={"grt_1": 1})
    )
    assert state.credits.lots is None
    assert state.lacks[0].startswith("the credits of each grant: event 2 ")


@pytest.mark.parametrize(
    "details",
    [
        line(1, 5, "issued:plan", "available", grant="grt_9"),
        line(1, 5, "available", "issued:plan", grant="grt_9", of="grt_9"),
        line(1, 5, "issued:pack", "available", grant="grt_9", opens=OPENED, of="grt_8"),
        line(1, 5, "held", "available", grants={"grt_8": 5}),
    ],
)
def test_what_names_no_grant_that_was_told_leaves_them_untold(told, details):
    assert told("credits.moved", details).credits.lots is None


def test_a_token_of_an_older_release_has_no_supply(told):
    told("deployment.queued", {"kind": "k", "network": "n", "credits": 5}, subject="dep_1")
    order = {"action": "mint", "parameters": {"amount": "7"}}
    told("deployment.confirmed", ended(3), subject="dep_1")
    state = told("deployment.completed", {"credits": 5}, subject="dep_1")
    told("mint.queued", {"token": "tok_1", "order": order}, subject="op_1")
    state = told("mint.completed", {"credits": 1}, subject="op_1")
    (token,) = state.tokens
    assert (token.id, token.address, token.supply) == ("tok_1", "0xToken", None)
    assert state.lacks == ("the supply of tok_1: its deployment does not say how much it issued",)


def ended(block):
    return {"inclusion": {"block": {"number": block, "hash": "h"}}, "token": "0xToken"}


def test_orders_count_in_the_chains_order_not_in_that_of_the_news(told):
    asked = {"kind": "k", "network": "n", "issue": {"decimals": 2, "supply": str(2**80)}}
    told("deployment.queued", asked, subject="dep_1")
    told("deployment.completed", {}, subject="dep_1")
    for operation, action, block in (("op_1", "unpause", 9), ("op_2", "pause", 7)):
        order = {"action": action, "parameters": {}}
        told(f"{action}.queued", {"token": "tok_1", "order": order}, subject=operation)
        told(f"{action}.confirmed", ended(block), subject=operation)
        state = told(f"{action}.completed", {}, subject=operation)
    (token,) = state.tokens
    assert (token.paused, token.supply) == (False, 2**80)
    for operation, action in (("op_4", "unpause"), ("op_3", "pause")):
        order = {"action": action, "parameters": {}}
        told(f"{action}.queued", {"token": "tok_1", "order": order}, subject=operation)
        told(f"{action}.confirmed", ended(11), subject=operation)
        state = told(f"{action}.completed", {}, subject=operation)
    assert not state.tokens[0].paused


def test_an_order_that_was_not_carried_out_changes_nothing(told):
    asked = {"kind": "k", "network": "n", "issue": {"decimals": 0, "supply": "5"}}
    told("deployment.queued", asked, subject="dep_1")
    assert told("deployment.failed", {}, subject="dep_1").tokens == ()
    told("deployment.queued", asked, subject="dep_2")
    told("deployment.completed", {}, subject="dep_2")
    order = {"action": "burn", "parameters": {"amount": "2"}}
    told("burn.queued", {"token": "tok_2", "order": order}, subject="op_1")
    state = told("burn.failed", {}, subject="op_1")
    assert [token.supply for token in state.tokens] == [5]


def test_a_trail_whose_beginning_is_gone_says_so(told):
    state = told("member.added", {"role": "auditor", "user": "usr_1"}, subject="mem_1", sequence=8)
    assert state.lacks == ("events 1 to 7 are not there",)
    assert [(each.id, each.role) for each in state.members] == [("mem_1", "auditor")]


def test_nothing_after_the_instant_is_taken_in(told):
    granted(told)
    state = told("operator.set_tariff", {"tariff": "x"}, at=LATER + timedelta(microseconds=1))
    assert (state.tariff, state.sequence) == (None, 1)
    at_the_instant = told("operator.set_tariff", {"tariff": "x"}, at=LATER, sequence=2)
    assert at_the_instant.tariff == "x"


def test_a_number_that_was_voided_later_hides_nothing_behind_it_and_is_lacked(told):
    granted(told)
    told("number.voided", {"reason": "x"}, at=LATER + timedelta(days=9), sequence=2)
    state = told("operator.set_tariff", {"tariff": "x"}, at=LATER, sequence=3)
    assert (state.tariff, state.sequence) == ("x", 3)
    assert "event 2 is not there: its number was voided" in state.lacks


def test_what_it_does_not_know_it_passes_over(told):
    state = told("webhook.delivered", {"anything": [1, 2]})
    assert (state.sequence, state.credits.available, state.lacks) == (1, 0, ())


def test_the_licence_is_as_it_was_told_last(told):
    changed = {
        "state_before": "active",
        "state": "payment_failed",
        "since": "2026-11-01T00:00:00+00:00",
        "until": None,
    }
    licence = told("licence.changed", changed).licence
    assert (licence.state, licence.since) == ("payment_failed", datetime(2026, 11, 1, tzinfo=UTC))
