"""An operation is loaded by one statement, in the order of its numbers, whatever the plan."""

from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.postgres import connect
from adapters.postgres.deployments import PostgresDeployments
from adapters.postgres.signed import KeptBytes
from application.ports.storage.paging import PageRequest
from domain.deployment import Broadcast, Signed, SlotReserved, SlotSpent, State, StepFinal
from domain.identifiers import OperationId
from domain.network import Block
from domain.operation import Attempt, AttemptRole, Inclusion, Slot, SlotState, Step
from tests.contract.tenants import NOW, a_deployment, a_hold, a_tenant, act
from tests.strategies import fresh_transaction_id

#: More than nine, so that none is in its place by being spelled.
SLOTS = ATTEMPTS = 11
#: Of each slot; some were lost before anything was signed for them.
SIGNED = [0 if number % 4 == 2 else 2 for number in range(1, SLOTS)] + [ATTEMPTS]
#: What a database does with tables that are large, or of which it knows nothing.
PLANS = {
    "nested": ["enable_hashjoin", "enable_mergejoin"],
    "hashed": ["enable_nestloop", "enable_mergejoin", "enable_indexscan", "enable_bitmapscan"],
    "merged": ["enable_nestloop", "enable_hashjoin"],
}


def histories(deployment):
    """What it is like after each event: of its first step, many slots with many attempts."""
    for number in range(1, SLOTS + 1):
        slot = Slot(
            number=number,
            network=deployment.network,
            signer=deployment.sender,
            sequence=uuid4().int >> 66,
        )
        deployment = deployment.apply(SlotReserved(step=1, slot=slot))
        yield deployment
        ids = [fresh_transaction_id() for _ in range(SIGNED[number - 1])]
        for id in ids:
            attempt = Attempt(
                number=len(deployment.step.attempts) + 1,
                role=AttemptRole.EFFECT,
                transaction_id=id,
                raw=f"signed {id}".encode(),
                body=f"draft {id}".encode(),
                fee_cap=number,
                signed_at=NOW,
            )
            deployment = deployment.apply(Signed(step=1, attempt=attempt))
            yield deployment
        for id in reversed(ids):
            deployment = deployment.apply(Broadcast(step=1, transaction_id=id, at=NOW))
            yield deployment
        block = Block(number=number, hash=f"{number:064x}")
        if number < SLOTS:
            spent = SlotSpent(step=1, slot_state=SlotState.LOST, at=block, transaction_id=None)
            deployment = deployment.apply(spent)
            yield deployment
    included = Inclusion(transaction_id=ids[0], block=block, succeeded=True, cost=5)
    yield deployment.apply(StepFinal(step=1, inclusion=included, token="0xtoken"))


def stored(store, tenant, id):
    """The last of three steps has no slot yet."""
    steps = tuple(Step(number=number, name="create") for number in (1, 2, 3))
    deployment = a_deployment(tenant, steps=steps, id=id)
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW)
        work.deployments.lock(id)
        for each in histories(deployment):
            deployment = each
            work.deployments.put(deployment, NOW + timedelta(seconds=1), None)
    slot = Slot(number=1, network=tenant.network, signer="0xowner", sequence=uuid4().int >> 66)
    deployment = deployment.apply(SlotReserved(step=2, slot=slot))
    with store.begin(tenant.scope) as work:
        work.deployments.lock(id)
        work.deployments.put(deployment, NOW, None)
    return deployment


@pytest.fixture(scope="module")
def kept(store):
    """Tenants by what they have, newest first; they have chosen the same ids."""
    ids = sorted((OperationId(uuid4()) for _ in range(3)), reverse=True)
    tenants = [a_tenant(store), a_tenant(store)]
    return {tenant: [stored(store, tenant, id) for id in ids] for tenant in tenants}


@pytest.mark.parametrize("plan", PLANS)
def test_whatever_the_plan_each_has_its_own_in_order(store, kept, plan):
    for tenant, deployments in kept.items():
        with store.transaction(tenant.scope) as transaction:
            for method in PLANS[plan]:
                transaction.change(f"SET LOCAL {method} = off")
            repository = PostgresDeployments(transaction, KeptBytes())
            outlines = tuple(each.outline() for each in deployments)
            assert repository.list(PageRequest()).items == outlines
            for each in reversed(deployments):
                assert repository.get(each.id) == each
                assert repository.lock(each.id) == each


def test_there_is_much_to_be_put_in_order(kept):
    for deployment in (each for deployments in kept.values() for each in deployments):
        first, second, third = deployment.steps
        assert deployment.state is State.PENDING
        assert [len(slot.attempts) for slot in first.slots] == SIGNED
        assert [len(step.slots) for step in (second, third)] == [1, 0]
        assert not second.slots[0].attempts


def test_the_statement_keeps_to_its_organisation_where_no_policy_does(url, kept):
    """As the superuser, who sees everybody's rows."""
    everybodys = connect(url, min_size=1, max_size=1)
    everybodys.open()
    payer, hold = a_tenant(everybodys, granted=5), a_hold(5)
    try:
        with everybodys.begin(payer.scope) as work:
            act(work, hold)
            assert work.ledger.hold(hold.id).amount == 5
        for tenant, deployments in kept.items():
            with everybodys.begin(tenant.scope) as work:
                listed = work.deployments.list(PageRequest()).items
                assert listed == tuple(each.outline() for each in deployments)
                assert [work.deployments.get(each.id) for each in deployments] == deployments
                assert work.ledger.hold(hold.id) is None
    finally:
        everybodys.close()


def test_another_organisation_has_nothing_of_it(store, kept):
    (deployment, *_), other = next(iter(kept.values())), a_tenant(store)
    with store.begin(other.scope) as work:
        assert work.deployments.get(deployment.id) is None
        assert work.deployments.lock(deployment.id) is None
        assert work.deployments.list(PageRequest()).items == ()
