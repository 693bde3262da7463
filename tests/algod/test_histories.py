"""Whatever nodes, workers and backups do: one asset for each deployment, and exact credits."""

import os
import random
from collections.abc import Iterator

from domain.deployment import State
from entrypoints.devnet.algod import devnet
from tests.algod.histories import KINDS, History, Reached, histories, live
from tests.algod.house import AlgodHouse
from tests.application.house import PROVING

#: In a proof each kind of misfortune has to be met a hundred times.
COUNT, AT_LEAST = (1_800, 100) if PROVING else (60, 0)


def test_any_history_makes_one_asset_for_each_deployment(record_property, capsys):
    # TALLYSTICK_SEED=<seed> repeats the histories.
    seed = int(os.environ.get("TALLYSTICK_SEED", random.SystemRandom().randrange(2**32)))
    with capsys.disabled():
        print(f"\nAlgorand: {COUNT} histories, seed {seed}")
    record_property("seed", seed)
    reached = Reached()
    for house, number, history in houses(seed):
        deployments = [house.deploy() for _ in range(1 + number % 2)]
        try:
            reached.add(live(house, history, random.Random(f"{seed} {number}")))
            for deployment in deployments:
                house.is_settled(deployment)
            ended = [house.get(deployment.id).state for deployment in deployments]
            spent = 5 * ended.count(State.COMPLETED)
            assert house.credits == (25 - spent, 0, spent)
            for state in ended:
                reached.kinds[state.value] += 1
        except BaseException:
            print(f"seed {seed}, history {number}: {history}")
            raise
    record_property("histories", reached.histories)
    record_property("histories_with_several", reached.with_several)
    for kind, times in sorted(reached.kinds.items()):
        record_property(kind, times)
    assert {kind for kind in KINDS if reached.kinds[kind] < AT_LEAST} == set(), reached.kinds
    assert reached.with_several * 5 >= reached.histories


def houses(seed: int) -> Iterator[tuple[AlgodHouse, int, History]]:
    """A house for each history; a hundred of them share a chain, so that it does not grow long."""
    numbered = list(enumerate(histories(seed, COUNT)))
    for start in range(0, COUNT, 100):
        with devnet(nodes=2, mode="manual") as network:
            for number, history in numbered[start : start + 100]:
                yield AlgodHouse(network), number, history
