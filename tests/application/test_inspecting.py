"""A token is held against what was planned and ordered, and nothing else is called a drift."""

import pytest
from attrs import evolve

from application.ports.chain import ChainUnavailableError
from application.tokens.inspect import Inspect
from application.tokens.request import (
    RequestTokenOperation,
    TokenOperationRequest,
    ValidateOrder,
)
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.network import Block
from domain.token import Action
from tests.application.house import House

#: Rounds of a worker in which any operation ends.
LONG_ENOUGH = 20


@pytest.fixture
def house():
    return House()


@pytest.fixture
def deployment(house):
    deployed = house.deploy()
    house.work_until_done()
    return house.get(deployed.id)


@pytest.fixture
def inspect(house):
    def look(id):
        return Inspect(store=house.store, chains=house.chains)(house.scope, id)

    return look


def order(house, deployment, action, **parameters):
    """An accepted order."""
    validate = ValidateOrder(store=house.store, chains=house.chains)
    request = RequestTokenOperation(
        store=house.store,
        catalogue=house.catalogue,
        chains=house.chains,
        custodians=house.custodians,
        clock=house.clock,
        identifiers=house.identifiers,
    )
    validated = validate(house.caller, deployment.id, action, parameters)
    wanted = TokenOperationRequest(token=deployment.id, order=validated)
    name = str(house.identifiers.next())
    accepted = request(house.caller, wanted, house.key(name), name.encode()[:32])
    return accepted.deployment


def mint(house, deployment, amount):
    return order(house, deployment, Action.MINT, amount=str(amount), to=deployment.owner)


def spoil(house, **changes):
    """Let the chain show the token otherwise."""
    state = house.chain.state

    def changed(token, place):
        return evolve(state(token, place), **changes)

    house.chain.state = changed


def test_a_new_token_is_what_was_planned(deployment, inspect):
    seen = inspect(deployment.id)
    assert seen.deployment == deployment
    assert (seen.differences, seen.under_way) == ((), False)
    assert evolve(seen.found, at=None) == seen.expected


def test_what_was_ordered_is_expected(house, deployment, inspect):
    mint(house, deployment, 500)
    house.work(LONG_ENOUGH)
    order(house, deployment, Action.BURN, amount="20")
    house.work(LONG_ENOUGH)
    order(house, deployment, Action.PAUSE)
    house.work(LONG_ENOUGH)
    seen = inspect(deployment.id)
    assert (seen.found.supply, seen.found.paused) == (deployment.token.supply + 480, True)
    assert (seen.differences, seen.under_way) == ((), False)


def test_what_nobody_ordered_is_a_difference(house, deployment, inspect):
    spoil(house, supply=deployment.token.supply + 7)
    seen = inspect(deployment.id)
    assert len(seen.differences) == 1
    assert not seen.under_way


@pytest.mark.parametrize("end", [State.CANCELLED, State.FAILED])
def test_orders_that_came_to_nothing_are_not_expected(house, deployment, inspect, end):
    operation = mint(house, deployment, 500)
    if end is State.CANCELLED:
        house.cancel(operation.id)
    else:
        house.chain.refuses = "the token is cursed"
        house.work()
    assert house.get(operation.id).state is end
    seen = inspect(deployment.id)
    assert seen.expected.supply == deployment.token.supply
    assert (seen.differences, seen.under_way) == ((), False)


def test_an_order_under_way_is_told_at_every_moment(house, deployment, inspect):
    """Never a difference that nothing explains, whenever one looks."""
    operation = mint(house, deployment, 500)
    differed = 0
    for _ in range(LONG_ENOUGH):
        # The chain is ahead of our records.
        house.chain.finalise()
        seen = inspect(deployment.id)
        assert seen.under_way is house.get(operation.id).state.is_open
        assert seen.under_way or not seen.differences
        differed += bool(seen.differences)
        house.work()
    assert house.get(operation.id).state is State.COMPLETED
    assert differed


def test_an_order_that_lands_while_one_looks_is_no_drift(house, deployment, inspect):
    state = house.chain.state

    def meanwhile(token, place):
        house.chain.state = state
        mint(house, deployment, 500)
        house.work(LONG_ENOUGH)
        return state(token, place)

    house.chain.state = meanwhile
    seen = inspect(deployment.id)
    assert seen.differences
    assert seen.under_way
    assert inspect(deployment.id).differences == ()


def test_orders_count_in_the_order_in_which_the_chain_did_them(house, deployment, inspect):
    """Accepted first and done last: what was done last is what holds."""
    pause = order(house, deployment, Action.PAUSE)
    house.work(LONG_ENOUGH)
    unpause = order(house, deployment, Action.UNPAUSE)
    house.work(LONG_ENOUGH)
    early, late = house.get(pause.id), house.get(unpause.id)
    assert inspect(deployment.id).differences == ()
    _swap_inclusions(house, early, late)
    assert inspect(deployment.id).expected.paused is True


def test_a_node_that_has_not_seen_it_all_says_nothing(house, deployment, inspect):
    operation = mint(house, deployment, 500)
    house.work(LONG_ENOUGH)
    landed = house.get(operation.id).steps[-1].inclusion.block
    spoil(house, supply=deployment.token.supply, at=Block(number=landed.number - 1, hash="x"))
    with pytest.raises(ChainUnavailableError):
        inspect(deployment.id)
    spoil(house, at=landed)
    assert inspect(deployment.id).differences


def test_a_token_that_is_gone_is_a_difference(house, deployment, inspect):
    house.chain.state = lambda token, place: None
    seen = inspect(deployment.id)
    assert (seen.found, seen.under_way) == (None, False)
    assert seen.differences == (f"there is nothing at {deployment.result}",)


def test_a_token_that_no_node_has_seen_yet_is_not_gone(house, deployment, inspect):
    house.chain.state = lambda token, place: None
    head = house.chain.head
    house.chain.head = lambda: evolve(head(), final=Block(number=0, hash="x"))
    with pytest.raises(ChainUnavailableError):
        inspect(deployment.id)


def test_only_what_exists_is_looked_at(house, deployment, inspect):
    operation = mint(house, deployment, 500)
    open_one = house.deploy()
    codes = [
        seen.code if isinstance(seen, Refusal) else None
        for seen in (
            inspect(operation.id),
            inspect(house.identifiers.next()),
            inspect(open_one.id),
            Inspect(store=house.store, chains={})(house.scope, deployment.id),
        )
    ]
    assert codes == ["not_found", "not_found", "token_not_issued", "network_not_ready"]


def _swap_inclusions(house: House, early: Deployment, late: Deployment) -> None:
    """As if *early* had waited, and *late* had not."""
    blocks = [each.steps[-1].inclusion.block for each in (early, late)]
    for each, block in zip((early, late), reversed(blocks), strict=True):
        *others, last = each.steps
        inclusion = evolve(last.inclusion, block=block)
        changed = evolve(each, steps=(*others, evolve(last, inclusion=inclusion)))
        with house.store.begin(house.scope) as work:
            work.deployments.lock(each.id)
            work.deployments.put(changed, due_at=house.clock.now(), claim=None)
