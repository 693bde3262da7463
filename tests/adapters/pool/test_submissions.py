"""What several nodes' answers to one submission mean."""

import pytest

from application.ports.chain import WrongChainError
from domain.operation import Hint, Submission, Verdict
from tests.adapters.pool.nodes import SILENCE, TRANSACTION, a_pool

ACCEPTED = Submission(Verdict.ACCEPTED)
KNOWN = Submission(Verdict.ALREADY_KNOWN, "already known")
REJECTED = Submission(Verdict.REJECTED, "gas too low")
REJECTED_TOO = Submission(Verdict.REJECTED, "too low")
UNKNOWN = Submission(Verdict.UNKNOWN, "no answer")
TAKEN = Submission(Verdict.UNKNOWN, "nonce too low", Hint.SLOT_TAKEN)
CHEAP = Submission(Verdict.UNKNOWN, "underpriced", Hint.UNDERPRICED)
POOR = Submission(Verdict.UNKNOWN, "insufficient funds", Hint.UNFUNDED)
GAP = Submission(Verdict.UNKNOWN, "nonce too high", Hint.GAP_BELOW)
WRONG = WrongChainError("another chain")


def submitted(*answers):
    """What the pool says, and which nodes were asked."""
    pool, nodes = a_pool(len(answers))
    for node, answer in zip(nodes, answers, strict=True):
        node.says["submit"] = answer
    return pool.submit(TRANSACTION), [node.asked["submit"] for node in nodes]


@pytest.mark.parametrize("taken", [ACCEPTED, KNOWN], ids=["accepted", "known"])
@pytest.mark.parametrize(
    "before", [SILENCE, UNKNOWN, REJECTED, TAKEN, CHEAP, POOR, GAP, WRONG], ids=str
)
def test_one_node_that_has_it_is_enough_whatever_others_said_before(before, taken):
    assert submitted(before, taken, REJECTED) == (taken, [1, 1, 0])


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((REJECTED,), REJECTED),
        ((REJECTED, REJECTED_TOO), REJECTED),
        # A node that was not sent the bytes cannot spread them.
        ((SILENCE, REJECTED), REJECTED),
        ((REJECTED, SILENCE), REJECTED),
    ],
)
def test_rejected_is_said_where_nobody_else_may_have_the_bytes(answers, said):
    assert submitted(*answers)[0] == said


@pytest.mark.parametrize("answers", [(UNKNOWN, REJECTED), (REJECTED, UNKNOWN)])
def test_one_nodes_rejection_is_no_proof_where_another_may_spread_the_bytes(answers):
    said, _ = submitted(*answers)
    assert (said.verdict, said.hint) == (Verdict.UNKNOWN, Hint.NONE)
    assert "gas too low" in said.detail
    assert "no answer" in said.detail


@pytest.mark.parametrize("hinted", [TAKEN, CHEAP, POOR, GAP], ids=lambda said: said.hint.name)
@pytest.mark.parametrize("other", [UNKNOWN, SILENCE, REJECTED], ids=str)
def test_a_hint_survives_and_others_have_their_chance(hinted, other):
    assert submitted(hinted, other) == (hinted, [1, 1])
    assert submitted(other, hinted) == (hinted, [1, 1])


def test_the_first_hint_is_the_one_that_is_told():
    assert submitted(CHEAP, TAKEN)[0] == CHEAP
    assert submitted(TAKEN, CHEAP)[0] == TAKEN


def test_silence_of_all_is_unknown_and_no_error():
    said, asked = submitted(SILENCE, UNKNOWN, SILENCE)
    assert said == Submission(Verdict.UNKNOWN, "no answer; silence; silence")
    assert asked == [1, 1, 1]


@pytest.mark.parametrize("other", [UNKNOWN, SILENCE, REJECTED, TAKEN], ids=str)
def test_another_chain_is_told_where_nobody_took_the_bytes(other):
    for answers in ((WRONG, other), (other, WRONG)):
        with pytest.raises(WrongChainError):
            submitted(*answers)


def test_a_node_of_another_chain_is_told_by_the_head_even_if_another_one_took_the_bytes():
    pool, (one, two) = a_pool(2)
    one.says |= {"submit": WRONG, "head": WRONG}
    two.says["submit"] = ACCEPTED
    assert pool.submit(TRANSACTION) == ACCEPTED
    with pytest.raises(WrongChainError):
        pool.head()


def test_where_all_rest_a_submission_is_unknown():
    pool, (one,) = a_pool(1)
    one.goes_down()
    for _ in range(4):
        pool.submit(TRANSACTION)
    said = pool.submit(TRANSACTION)
    assert said.verdict is Verdict.UNKNOWN
    assert "resting" in said.detail
    assert one.asked["submit"] == 4
