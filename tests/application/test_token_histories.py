"""Any history of deployments, mints and burns, with deaths, misfortunes and restored backups.

What a token's supply must be is told by the chain's own list of what was done under which
operation, and by what the model has asked under it; what it must have cost, by the states of what
is left in the records.
"""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from application.deployments.request import Accepted
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.errors import Refusal
from domain.token import Action
from tests.application import test_crashes as counting
from tests.application import test_windows as windows
from tests.application.house import PROVING, House, State
from tests.application.mortal import DEATHS, Fate
from tests.application.test_windows import WindowedHouse
from tests.catalogue import UNLIMITED

GRANTED = 200
SUPPLY = 1_000


class Histories(RuleBasedStateMachine):
    sort: type[House]
    world: list[str]

    @initialize()
    def move_in(self):
        self.house = self.sort(instant=True)
        self.house.set_tariff(self.house.registered.organisation.id, UNLIMITED, "no quota")
        self.house.grant(GRANTED - 25)
        self.gold = self.house.issue()
        #: By the ids that ever were: by how much each changes the supply.
        self.changes = {}
        self.backup = None
        self.is_settled = True

    def ask(self, action, **parameters):
        order = self.house.order(self.gold.id, action, **parameters)
        answer = self.house.ask(self.gold.id, order)
        assert isinstance(answer, Accepted), answer
        self.changes[answer.deployment.id] = order.supply_change

    @rule(amount=st.integers(1, 500), mine=st.booleans())
    def mint(self, amount, mine):
        to = self.gold.owner if mine else self.house.a_stranger
        self.ask(Action.MINT, amount=str(amount), to=to)

    @rule(amount=st.integers(1, 1_500))
    def burn(self, amount):
        self.ask(Action.BURN, amount=str(amount))

    @rule()
    def deploy(self):
        self.house.deploy()

    @rule(which=st.integers(0, 5))
    def cancel(self, which):
        id = self.one_of(self.house.operations(), which)
        try:
            answer = self.house.cancel(id)
        except (ChainUnavailableError, WrongChainError):
            return
        if isinstance(answer, Refusal):
            assert answer.code in {"too_late_to_cancel", "outcome_open"}

    @rule(which=st.integers(0, 5))
    def retry(self, which):
        id = self.one_of(self.house.operations(), which)
        self.house.retry(id, f"{id}-{len(self.house.events(id))}")

    @rule(which=st.integers(0, 5))
    def end(self, which):
        before = self.house.get(self.one_of(self.house.operations(), which))
        answer = self.house.end(before.id)
        assert isinstance(answer, Refusal) is not before.may_be_ended

    @rule(
        schedule=st.dictionaries(st.integers(0, 40), st.sampled_from(DEATHS), max_size=2),
        rounds=st.integers(1, 4),
    )
    def work(self, schedule, rounds):
        fate = Fate(schedule)
        for _ in range(rounds):
            self.house.life(fate)
            self.house.pass_time(timedelta(seconds=9))

    @rule(data=st.data())
    def something_happens(self, data):
        self.befall(data.draw(st.sampled_from(self.world)))

    @rule(blocks=st.integers(1, 4))
    def blocks_come(self, blocks):
        self.house.chain.mine(blocks)

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes):
        self.house.pass_time(timedelta(minutes=minutes))

    @precondition(lambda self: self.house.is_halted)
    @rule()
    def the_operator_looks(self):
        self.calm_down()
        self.house.operator_looks()

    @rule()
    def take_a_backup(self):
        self.backup = self.house.backup()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_it(self):
        """As docs/restoring.md has it: nothing of what was sent is still under way."""
        self.calm_down()
        self.restored()
        self.backup = None

    @invariant()
    def everything_happens_once(self):
        self.house.is_intact()
        done = {id: self.house.chain.calls_of(self.gold.organisation, id) for id in self.changes}
        assert set(done.values()) <= {0, 1}
        changed = sum(self.changes[id] for id in self.changes if done[id])
        assert self.house.supply(self.gold) == SUPPLY + changed

    @invariant()
    def every_credit_is_where_it_belongs(self):
        operations = self.house.operations()
        held = sum(each.credits for each in operations if each.state.is_open)
        spent = sum(
            each.credits for each in operations if not each.state.is_open
            and not each.is_given_back
        )  # fmt: skip
        assert self.house.credits == (GRANTED - held - spent, held, spent)

    def teardown(self):
        house = self.house
        for _ in range(80):
            self.calm_down()
            house.lives_once(Fate({}))
            for each in house.open_deployments():
                # What cannot be done any more is ended by whoever was told to look at it.
                if each.may_be_ended and each.waiting is not None:
                    house.end(each.id)
            if not house.open_deployments():
                break
        assert not house.open_deployments(), house.open_deployments()
        self.everything_happens_once()
        self.every_credit_is_where_it_belongs()
        for each in house.operations():
            if each.state is State.COMPLETED:
                assert house.effects(each) == 1

    @staticmethod
    def one_of(operations, which):
        return operations[which % len(operations)].id


class ByNonces(Histories):
    sort = House
    world = sorted(counting.WORLD)

    def befall(self, event):
        counting.befall(self.house, event)

    def calm_down(self):
        chain = self.house.chain
        chain.behave()
        chain.gas_price = 1_000
        for owner in {each.owner for each in self.house.operations() if each.owner}:
            chain.fund(owner, 10**12)
        chain.finalise()

    def restored(self):
        self.house.restore(self.backup)


class ByWindows(Histories):
    sort = WindowedHouse
    world = sorted(windows.WORLD)

    def befall(self, event):
        windows.WORLD[event](self.house)

    def calm_down(self):
        self.house.heal()
        self.house.chain.surface()
        self.house.chain.mine()

    def restored(self):
        self.house.restored(self.backup)


for machine in (ByNonces, ByWindows):
    machine.TestCase.settings = settings(
        max_examples=25 * (20 if PROVING else 1), stateful_step_count=30, deadline=None
    )
TestByNonces = ByNonces.TestCase
TestByWindows = ByWindows.TestCase
