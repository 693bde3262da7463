"""Random histories of misfortune that tokens of two steps, and orders on them, live through.

Who ordered what is remembered here, also where a restored backup forgot it; what came of it is
read from the ledger.
"""

import os
import random
from collections import Counter
from contextlib import suppress

from attrs import define, field

from application.deployments.request import Accepted
from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.deployment import Deployment, Reason, State
from domain.token import ORDERED, Action, Order
from entrypoints.devnet.algod import devnet
from tests.algod.errands import INITIAL
from tests.algod.histories import KINDS, History, Reached, histories, live
from tests.algod.house import AlgodHouse
from tests.application.house import PROVING

#: In a proof each kind of misfortune and each action has to be met so often.
COUNT, AT_LEAST = (600, 30) if PROVING else (16, 0)
#: What an operation may have failed of, having had no effect: before a node had taken anything of
#: it, and after (spec/deployments.md, the edges to Failed).
UNSENT = {Reason.DEPLOYMENT_VALIDATION_FAILED, Reason.TRANSACTION_SUBMISSION_FAILED}
EXPIRED = {Reason.TRANSACTION_REVERTED}


@define
class Customer:
    """Gives orders as soon as there is a token, some of them two at a time."""

    house: AlgodHouse
    token: Deployment
    chance: random.Random
    #: All that were accepted, whoever forgot them.
    given: list[Deployment] = field(factory=list)
    left: int = field(init=False)

    def __attrs_post_init__(self):
        self.left = self.chance.randrange(1, 6)

    def __call__(self):
        token = self.house.get(self.token.id)
        if not token.state.is_open and token.state is not State.COMPLETED and not token.may_retry:
            return False
        if token.state is State.COMPLETED:
            for _ in range(self.chance.randrange(3)):
                self._order()
        return bool(self.left) and token.state is State.COMPLETED

    def _order(self):
        if not self.left:
            return
        self.left -= 1
        action = self.chance.choice(
            (Action.MINT, Action.MINT, Action.BURN, Action.PAUSE, Action.UNPAUSE)
        )
        fields = {"amount": str(self.chance.randrange(1, 400))}
        fields = fields if action in {Action.MINT, Action.BURN} else {}
        if action is Action.MINT and self.chance.random() < 0.5:
            fields["to"] = self.house.a_stranger
        order = self.house.validate(self.token.id, action, fields)
        assert isinstance(order, Order)
        with suppress(ChainUnavailableError, WrongChainError):
            answer = self.house.ask(self.token.id, order, key=f"order {self.left}")
            if isinstance(answer, Accepted) and not answer.replayed:
                self.given.append(answer.deployment)

    def is_served(self) -> Counter[str]:
        """Each order once or never, as its state says, and the supply is their sum."""
        house, met = self.house, Counter[str]()
        house.is_intact()
        token = house.get(self.token.id)
        met[token.state.value] += 1
        created = house.tokens(token.id)
        if token.state is not State.COMPLETED:
            assert created == 0 or token.state.is_open
            assert not self.given
            return met
        assert created == 1
        assert len(house.calls(token)) == 2
        assert token.result is not None
        supply = INITIAL
        for order in self.given:
            effects = house.effects(order)
            assert effects <= 1
            assert order.order is not None
            supply += effects * order.order.supply_change
            met[f"{order.order.action.value} {'done' if effects else 'not done'}"] += 1
        assert house.supply(token) == supply
        known = [each for each in house.operations() if each.order is not None]
        for order in known:
            met[order.state.value] += 1
            assert not order.state.is_open
            assert house.effects(order) == (order.state is State.COMPLETED)
            if order.failure is not None:
                was_taken = any(each.endswith(".pending") for each in house.actions(order.id))
                harmless = EXPIRED if was_taken else UNSENT
                assert order.failure.reason in harmless, order.failure
                assert order.failure.without_effect, order.failure
        done = [each for each in known if each.state is State.COMPLETED]
        spent = 5 + len(done)
        assert house.credits == (25 - spent, 0, spent)
        return met


def test_any_history_carries_each_order_out_once_or_never(record_property, capsys):
    # TALLYSTICK_SEED=<seed> repeats the histories.
    seed = int(os.environ.get("TALLYSTICK_SEED", random.SystemRandom().randrange(2**32)))
    with capsys.disabled():
        print(f"\nOrders on Algorand: {COUNT} histories, seed {seed}")
    record_property("seed", seed)
    reached = Reached()
    for house, number, history in houses(seed):
        chance = random.Random(f"{seed} {number}")
        house.go_to(1)
        customer = Customer(house, house.deploy(token=house.contract()), chance)
        try:
            reached.add(live(house, history, chance, customer))
            reached.kinds.update(customer.is_served())
        except BaseException:
            print(f"seed {seed}, history {number}: {history}")
            raise
    record_property("histories", reached.histories)
    record_property("histories_with_several", reached.with_several)
    for kind, times in sorted(reached.kinds.items()):
        record_property(kind, times)
    wanted = {*KINDS, *(f"{action.value} done" for action in ORDERED)}
    assert {kind for kind in wanted if reached.kinds[kind] < AT_LEAST} == set(), reached.kinds


def houses(seed: int):
    numbered: list[tuple[int, History]] = list(enumerate(histories(seed, COUNT)))
    for start in range(0, COUNT, 50):
        with devnet(nodes=2, mode="manual") as network:
            for number, history in numbered[start : start + 50]:
                yield AlgodHouse(network), number, history
