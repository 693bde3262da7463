"""Any history of requests, cancellations, work, retries and misfortunes, against a few integers.

The model knows how many deployments there are of each ending, and what that costs; it does not
know states, slots or attempts.
"""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from application.deployments.request import Accepted
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.deployment import Deployment
from domain.errors import Refusal
from tests.application.house import PROVING, House, State
from tests.application.mortal import DEATHS, Fate
from tests.application.test_crashes import WORLD, befall
from tests.catalogue import UNLIMITED

FIRST_CREDITS, PRICE = 25, 5
WITHOUT_REJECTIONS = sorted(set(WORLD) - {"rejected", "rejected though taken"})


class Histories(RuleBasedStateMachine):
    """Two organisations share a treasury; workers die; the chain misbehaves."""

    alive = Bundle("alive")

    @initialize(instant=st.booleans())
    def move_in(self, instant):
        self.house = House(instant=instant)
        self.houses = [self.house, self.house.neighbour()]
        for house in self.houses:
            house.set_tariff(house.registered.organisation.id, UNLIMITED, "no quota")
        #: Of each organisation: credits granted, and deployments that may still cost something.
        self.granted = [FIRST_CREDITS, FIRST_CREDITS]
        self.at_stake = [0, 0]
        self.may_reject = False
        self.completed: set[object] = set()

    @rule(target=alive, who=st.integers(0, 1))
    def request(self, who):
        answer = self.houses[who].request()
        is_affordable = self.granted[who] - PRICE * self.at_stake[who] >= PRICE
        assert isinstance(answer, Accepted) == is_affordable, answer
        if isinstance(answer, Refusal):
            assert answer.code == "insufficient_credits"
            return (who, None)
        self.at_stake[who] += 1
        return (who, answer.deployment.id)

    @rule(who=st.integers(0, 1), number=st.integers(1, 3))
    def grant(self, who, number):
        self.houses[who].grant(PRICE * number)
        self.granted[who] += PRICE * number

    @rule(which=alive)
    def cancel(self, which):
        who, id = which
        if id is None:
            return
        before = self.houses[who].get(id)
        try:
            answer = self.houses[who].cancel(id)
        except (ChainUnavailableError, WrongChainError):
            # It was asked first, and nothing was done.
            assert self.houses[who].get(id) == before
            return
        if isinstance(answer, Refusal):
            assert answer.code == "too_late_to_cancel"
            assert before.step.attempts or before.step.slots or not before.state.is_open
            return
        assert isinstance(answer, Deployment)
        assert answer.state is State.CANCELLED
        assert all(slot.state.is_dead for slot in answer.step.slots)
        if before.state is not State.CANCELLED:
            self.at_stake[who] -= 1

    @rule(which=alive, key=st.integers(0, 2))
    def retry(self, which, key):
        who, id = which
        if id is None:
            return
        before = self.houses[who].get(id)
        answer = self.houses[who].retry(id, f"{id}-{key}")
        if isinstance(answer, Accepted) and not answer.replayed:
            assert before.state is State.FAILED
            assert self.houses[who].tokens(id) == 0
            self.at_stake[who] += 1

    @rule(
        schedule=st.dictionaries(st.integers(0, 30), st.sampled_from(DEATHS), max_size=2),
        rounds=st.integers(1, 3),
    )
    def work(self, schedule, rounds):
        fate = Fate(schedule)
        for _ in range(rounds):
            self.house.life(fate)
            self.house.pass_time(timedelta(seconds=9))
        self._notice_what_ended()

    @rule(event=st.sampled_from(WITHOUT_REJECTIONS))
    def something_happens(self, event):
        befall(self.house, event)

    @rule()
    def a_node_rejects(self):
        self.may_reject = True
        befall(self.house, "rejected")

    @rule()
    def a_creation_reverts(self):
        self.may_reject = True
        self.house.chain.node.reverts += 1

    @rule(blocks=st.integers(1, 4))
    def blocks_come(self, blocks):
        self.house.chain.mine(blocks)

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes):
        self.house.pass_time(timedelta(minutes=minutes))

    @precondition(lambda self: self.house.is_halted)
    @rule()
    def the_operator_looks(self):
        self.house.chain.finalise()
        self.house.chain.behave()
        self.house.operator_looks()

    @rule(which=consumes(alive))
    def look_away(self, which):
        """Later rules prefer what is newer."""

    @invariant()
    def the_books_are_right(self):
        for who, house in enumerate(self.houses):
            house.is_intact()
            available, held, spent = house.credits
            assert available == self.granted[who] - PRICE * self.at_stake[who]
            assert held + spent == PRICE * self.at_stake[who]

    @invariant()
    def what_is_completed_stays(self):
        for house in self.houses:
            done = {
                (d.organisation, d.id)
                for d in house.deployments()
                if d.state is State.COMPLETED and house.tokens(d.id) == 1
            }
            mine = {key for key in self.completed if key[0] == house.registered.organisation.id}
            assert mine <= done
            self.completed |= done

    def teardown(self):
        """Whatever was the matter, in the end everything is over."""
        house = self.house
        house.chain.behave()
        house.chain.gas_price = 1_000
        for _ in range(40):
            house.lives_once(Fate({}))
            if not any(h.open_deployments() for h in self.houses):
                break
        self._notice_what_ended()
        for each in self.houses:
            assert not each.open_deployments()
            assert each.open_holds == 0
            if not self.may_reject:
                ends = {d.state for d in each.deployments()}
                assert ends <= {State.COMPLETED, State.CANCELLED}
        self.the_books_are_right()

    def _notice_what_ended(self):
        """A failure without effect costs nothing: the model learns of it from the states only."""
        for who, house in enumerate(self.houses):
            costly = [
                d
                for d in house.deployments()
                if d.state not in {State.CANCELLED, State.FAILED} or house.tokens(d.id)
            ]
            self.at_stake[who] = len(costly)


Histories.TestCase.settings = settings(
    max_examples=40 * (20 if PROVING else 1), stateful_step_count=30, deadline=None
)
TestHistories = Histories.TestCase
