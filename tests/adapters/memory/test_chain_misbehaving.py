import pytest

from adapters.memory.chain import (
    ALREADY_KNOWN,
    ANSWER_LOST,
    REJECTED,
    REJECTED_THOUGH_TAKEN,
    SLOT_TAKEN,
    UNAVAILABLE,
    UNDERPRICED,
    WRONG_CHAIN,
    Fault,
)
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.errors import MisuseError, Refusal
from domain.operation import (
    AttemptRole,
    Effect,
    Final,
    Hint,
    Included,
    InPool,
    NoEffect,
    NotSeen,
    Postponed,
    Verdict,
    WaitReason,
)
from tests.contract.errand import Errand, an_errand
from tests.contract.subjects.memory import MemorySubject


@pytest.fixture
def subject() -> MemorySubject:
    return MemorySubject()


@pytest.fixture
def errand(subject: MemorySubject) -> Errand:
    return an_errand(subject).attempted()


@pytest.mark.parametrize(
    ("fault", "verdict", "hint", "is_in_pool"),
    [
        (UNAVAILABLE, Verdict.UNKNOWN, Hint.NONE, False),
        (ANSWER_LOST, Verdict.UNKNOWN, Hint.NONE, True),
        (REJECTED, Verdict.REJECTED, Hint.NONE, False),
        (REJECTED_THOUGH_TAKEN, Verdict.REJECTED, Hint.NONE, True),
        (ALREADY_KNOWN, Verdict.ALREADY_KNOWN, Hint.NONE, True),
        (SLOT_TAKEN, Verdict.UNKNOWN, Hint.SLOT_TAKEN, True),
        (UNDERPRICED, Verdict.UNKNOWN, Hint.UNDERPRICED, False),
    ],
)
def test_a_submission_goes_wrong_as_told_and_only_once(
    subject: MemorySubject,
    errand: Errand,
    fault: Fault,
    verdict: Verdict,
    hint: Hint,
    is_in_pool: bool,
):
    subject.chain.misbehave("submit", fault)
    submission = subject.chain.submit(errand.transactions[0])
    assert (submission.verdict, submission.hint) == (verdict, hint)
    expected = InPool(errand.transactions[0].id) if is_in_pool else NotSeen()
    assert errand.outcome() == expected
    assert errand.submitted() in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}


def test_any_question_can_go_without_an_answer(subject: MemorySubject, errand: Errand):
    subject.chain.misbehave("outcome", UNAVAILABLE, ANSWER_LOST, WRONG_CHAIN)
    for error in (ChainUnavailableError, ChainUnavailableError, WrongChainError):
        with pytest.raises(error):
            errand.outcome()
    assert errand.outcome() == NotSeen()
    with pytest.raises(MisuseError):
        subject.chain.misbehave("no_such_method", UNAVAILABLE)


def test_a_node_that_is_down_answers_unknown_to_a_submission(
    subject: MemorySubject, errand: Errand
):
    subject.chain.is_down = True
    assert errand.submitted() is Verdict.UNKNOWN
    with pytest.raises(ChainUnavailableError):
        subject.chain.head()
    subject.chain.behave()
    assert errand.outcome() == NotSeen()
    subject.chain.is_wrong = True
    with pytest.raises(WrongChainError):
        errand.submitted()


def test_what_was_evicted_is_not_seen_and_can_be_sent_again(
    subject: MemorySubject, errand: Errand
):
    errand.submitted()
    subject.chain.evict(errand.transactions[0].id)
    assert errand.outcome() == NotSeen()
    assert errand.submitted() is Verdict.ACCEPTED


def test_a_reorg_returns_transactions_to_the_pool_or_drops_them(
    subject: MemorySubject, errand: Errand
):
    errand.submitted()
    subject.mine()
    subject.chain.reorg(1)
    assert errand.outcome() == InPool(errand.transactions[0].id)
    subject.mine()
    subject.chain.reorg(1, drop=True)
    assert errand.outcome() == NotSeen()
    assert subject.chain.signer_state(subject.treasury).next_sequence == 0


def test_a_reorg_takes_back_money_and_tokens(subject: MemorySubject, errand: Errand):
    before = subject.chain.signer_state(subject.treasury)
    errand.submitted()
    subject.mine()
    assert isinstance(errand.effect(), Effect)
    subject.chain.reorg(1, drop=True)
    assert subject.chain.signer_state(subject.treasury) == before
    assert isinstance(errand.effect(), NoEffect)


def test_a_creation_can_revert_for_a_reason_of_its_own(subject: MemorySubject, errand: Errand):
    subject.chain.node.reverts = 1
    errand.submitted()
    subject.finalise()
    outcome = errand.outcome()
    assert isinstance(outcome, Final)
    assert not outcome.inclusion.succeeded
    assert subject.chain.tokens_of(errand.intent.organisation, errand.intent.operation) == 0


def test_a_price_that_rises_leaves_it_in_the_pool(subject: MemorySubject, errand: Errand):
    errand.submitted()
    subject.chain.gas_price *= 10
    subject.mine()
    assert isinstance(errand.outcome(), InPool)
    replaced = errand.attempted()
    assert replaced.submitted() is Verdict.ACCEPTED
    subject.mine()
    assert isinstance(replaced.outcome(), Included)
    subject.chain.gas_price = subject.fee_ceiling + 1
    answer = subject.chain.preflight(an_errand(subject).intent, subject.fee_ceiling)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.FEE_ABOVE_CEILING


def test_an_empty_treasury_is_told(subject: MemorySubject, errand: Errand):
    subject.chain.node.funds.clear()
    submission = subject.chain.submit(errand.transactions[0])
    assert (submission.verdict, submission.hint) == (Verdict.UNKNOWN, Hint.UNFUNDED)


def test_a_simulation_refuses_as_told(subject: MemorySubject, errand: Errand):
    subject.chain.refuses = "paused"
    for answer in (
        subject.chain.plan(errand.intent),
        subject.chain.preflight(errand.intent, subject.fee_ceiling),
    ):
        assert isinstance(answer, Refusal)


def test_what_was_tampered_with_differs_from_the_plan(subject: MemorySubject, errand: Errand):
    errand.submitted()
    subject.finalise()
    found = errand.effect()
    assert isinstance(found, Effect)
    subject.chain.tamper(found.token, supply=7)
    assert subject.chain.read_back(errand.intent, found.token) == (
        "supply is 7 and should be 1000",
    )


def test_bytes_that_are_no_transaction_are_rejected(subject: MemorySubject, errand: Errand):
    transaction = errand.transactions[0]
    for raw in (b"", b"x" * 200, transaction.raw[:-1], bytes(64) + transaction.raw[64:]):
        spoilt = type(transaction)(id=transaction.id, raw=raw)
        assert subject.chain.submit(spoilt).verdict is Verdict.REJECTED


def test_instant_chains_bring_a_block_with_every_look(subject: MemorySubject):
    subject.chain.instant = True
    errand = an_errand(subject).attempted()
    errand.submitted()
    assert [type(errand.outcome()) for _ in range(3)] == [Included, Included, Final]


def test_a_gap_keeps_later_nonces_waiting(subject: MemorySubject):
    later = an_errand(subject)
    later = Errand(
        subject,
        later.intent,
        type(later.slot)(
            number=1, network=later.slot.network, signer=later.slot.signer, sequence=1
        ),
    ).attempted()
    later.submitted()
    subject.mine()
    assert isinstance(later.outcome(), InPool)
    fill = an_errand(subject).attempted(AttemptRole.FILL)
    fill.submitted()
    subject.mine()
    assert isinstance(later.outcome(), Included)
