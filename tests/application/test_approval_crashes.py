"""Four eyes, whenever a process dies: nothing is on chain that nobody else has approved.

The schedule of deaths is data, as in test_crashes.py, of the API process in which the verdict is
given as of the workers.
"""

from datetime import timedelta

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from application.deployments.approve import DecideApproval, SetApprovalPolicy
from application.deployments.request import DeploymentRequest
from domain.approval import LIFE, Approval, Verdict
from domain.identifiers import MemberId
from tests.application.house import House, State, examples
from tests.application.mortal import DEATHS, Death, Fate, MortalStore

deaths = st.dictionaries(st.integers(0, 70), st.sampled_from(DEATHS), max_size=3)


class Eyes:
    """A deployment that waits for somebody else than who asked for it."""

    def __init__(self):
        self.house = house = House()
        parts = {"clock": house.clock, "identifiers": house.identifiers}
        SetApprovalPolicy(store=house.store, **parts)(house.caller, needed=True)
        plan, _ = house.plan()(
            house.caller, DeploymentRequest(network=house.network, token=house.token())
        )
        self.plan_hash = plan.hash
        self.id = house.deploy(deployment=plan.deployment, plan_hash=plan.hash).id
        #: Another member of the organisation.
        self.other = evolve(
            house.caller, member=MemberId(house.identifiers.next()), request_id="req_3"
        )
        self.parts = parts

    def decide(self, verdict, fate, by=None, plan_hash=None):
        """Until somebody hears the answer: a client repeats what was not answered."""
        while True:
            use_case = DecideApproval(store=MortalStore(self.house.store, fate), **self.parts)
            try:
                return use_case(by or self.other, self.id, verdict, plan_hash or self.plan_hash)
            except Death:
                continue

    @property
    def tokens(self):
        return self.house.tokens(self.id)

    def verdicts(self):
        return [
            event.action
            for event in self.house.events(self.id)
            if event.action in {"approval.given", "approval.refused"}
        ]


def lives(eyes, fate, rounds=6):
    for _ in range(rounds):
        eyes.house.lives_once(fate)


@examples(40)
@given(deaths)
def test_nothing_is_signed_before_the_yes_and_one_token_is_issued_after_it(schedule):
    eyes, fate = Eyes(), Fate(schedule)
    lives(eyes, fate)
    for by, plan_hash in ((eyes.house.caller, None), (None, b"x" * 32)):
        assert not isinstance(eyes.decide(Verdict.APPROVED, fate, by, plan_hash), Approval)
    lives(eyes, fate)
    assert eyes.house.get(eyes.id).state is State.QUEUED
    assert not eyes.house.chain.node.mined
    assert eyes.house.signer_now().next_sequence == 0
    answer = eyes.decide(Verdict.APPROVED, fate)
    assert isinstance(answer, Approval)
    assert answer.verdict is Verdict.APPROVED
    eyes.house.lives(fate)
    assert eyes.house.get(eyes.id).state is State.COMPLETED
    assert eyes.tokens == len(eyes.house.chain.node.mined) == 1
    assert eyes.house.credits == (20, 0, 5)
    assert eyes.verdicts() == ["approval.given"]
    eyes.house.is_intact()


@examples(40)
@given(deaths)
def test_what_was_rejected_issues_nothing_and_costs_nothing(schedule):
    eyes, fate = Eyes(), Fate(schedule)
    lives(eyes, fate, 2)
    eyes.decide(Verdict.REJECTED, fate)
    assert eyes.decide(Verdict.APPROVED, fate).code == "approval_decided"
    eyes.house.lives(fate)
    assert eyes.house.get(eyes.id).state is State.FAILED
    assert (eyes.tokens, eyes.house.chain.node.mined) == (0, {})
    assert eyes.house.credits == (25, 0, 0)
    assert eyes.verdicts() == ["approval.refused"]
    eyes.house.is_intact()


def test_no_single_death_of_whoever_approves_loses_or_doubles_the_yes():
    healthy = Fate({})
    Eyes().decide(Verdict.APPROVED, healthy)
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            eyes = Eyes()
            answer = eyes.decide(Verdict.APPROVED, Fate({call: death}))
            assert isinstance(answer, Approval)
            assert eyes.verdicts() == ["approval.given"], (call, death)
            eyes.house.work_until_done()
            assert eyes.tokens == 1


def test_what_nobody_approves_is_looked_at_seldom_and_ends_in_time():
    eyes = Eyes()
    house = eyes.house
    begun, looks = house.clock.now(), 0
    while house.open_deployments():
        claims = house.claims()
        looks += len(claims)
        for claim in claims:
            house.advance()(claim)
        house.give_back(claims)
        house.pass_time(timedelta(seconds=20))
        assert house.clock.now() - begun < LIFE + timedelta(minutes=5)
    assert house.clock.now() - begun >= LIFE
    assert house.get(eyes.id).state is State.FAILED
    assert eyes.tokens == 0
    # About thirty times in the first hours, then every hour.
    assert 72 < looks < 120
