"""What is done with tokens, and whose nonces are taken for it, in every store."""

from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.work import Scope, Store
from domain.deployment import (
    Broadcast,
    Completed,
    Deployment,
    Event,
    Failed,
    ReadBack,
    Reason,
    Signed,
    SlotReserved,
    State,
    StepFinal,
)
from domain.errors import MisuseError
from domain.identifiers import AccountId, OperationId
from domain.network import Block
from domain.operation import (
    Attempt,
    Inclusion,
    NonceLine,
    OperationKind,
    Postponed,
    Signer,
    Slot,
    Step,
    TransactionId,
)
from domain.token import Action, Order
from tests.contract.tenants import NOW, Tenant, a_deployment, a_signer, a_tenant, added

MINT = Order(action=Action.MINT, parameters={"amount": str(2**256 - 1), "to": "0xwho", "x": None})
STEPS = (Step(number=1, name="fund"), Step(number=2, name="mint"))


def an_order(tenant: Tenant, of: OperationId, **changes: object) -> Deployment:
    order = a_deployment(
        tenant, kind=OperationKind.MINT, order=MINT, of=of, steps=STEPS, predicted="0xtoken"
    )
    return evolve(order, **changes)


def add(store: Store, tenant: Tenant, deployment: Deployment) -> Deployment:
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW)
    return deployment


def test_an_order_is_stored_with_what_was_asked_and_of_what(store: Store):
    tenant = a_tenant(store)
    token = added(store, tenant)
    order = add(store, tenant, an_order(tenant, token.id))
    pause = Order(action=Action.PAUSE, parameters={})
    other = an_order(tenant, token.id, kind=OperationKind.PAUSE, order=pause)
    add(store, tenant, other)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(order.id) == order
        assert work.deployments.get(other.id) == other
        assert work.deployments.get(token.id) == token
    for each in (order, other):
        with store.begin(tenant.scope) as work:
            assert work.deployments.lock(each.id) == each


def test_an_order_is_on_a_token_of_its_own_organisation(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    theirs = added(store, other)
    for of in (theirs.id, OperationId(uuid4())):
        with pytest.raises(MisuseError):
            add(store, tenant, an_order(tenant, of))


def test_what_is_on_a_token_is_told_oldest_first_and_nothing_else(store: Store):
    tenant = a_tenant(store)
    gold, silver = added(store, tenant), added(store, tenant)
    orders = [add(store, tenant, an_order(tenant, gold.id)) for _ in range(4)]
    other = add(store, tenant, an_order(tenant, silver.id))
    with store.begin(tenant.scope) as work:
        assert list(work.deployments.on_token(gold.id)) == sorted(orders, key=lambda o: o.id)
        assert list(work.deployments.on_token(silver.id)) == [other]
        assert list(work.deployments.on_token(other.id)) == []
    with store.begin(a_tenant(store).scope) as work:
        assert list(work.deployments.on_token(gold.id)) == []


def completed(store: Store, tenant: Tenant, deployment: Deployment, at: datetime) -> None:
    """As if its worker had done it."""
    number = count()
    for step in deployment.steps:
        id = TransactionId(f"0x{uuid4().hex}")
        slot = Slot(
            number=1, network=tenant.network, signer=f"0x{uuid4().hex}", sequence=next(number)
        )
        attempt = Attempt(
            number=1, transaction_id=id, raw=b"raw", body=b"body", fee_cap=1, signed_at=NOW
        )
        inclusion = Inclusion(
            transaction_id=id, block=Block(number=7, hash="0x7"), succeeded=True, cost=1
        )
        for event in (
            SlotReserved(step=step.number, slot=slot),
            Signed(step=step.number, attempt=attempt),
            Broadcast(step=step.number, transaction_id=id, at=NOW),
            StepFinal(step=step.number, inclusion=inclusion, token="0xtoken"),
        ):
            deployment = deployment.apply(event)
    for ended in (ReadBack(token="0xtoken"), Completed(credits=0)):
        deployment = deployment.apply(ended)
    with store.begin(tenant.scope) as work:
        assert work.deployments.lock(deployment.id) is not None
        work.deployments.put(evolve(deployment, accepted_at=at), NOW, None)


def handed(store: Store, tenant: Tenant, of: OperationId, to: str) -> Deployment:
    """Accepted, and not begun."""
    order = Order(action=Action.HAND_OVER, parameters={"to": to})
    return add(store, tenant, an_order(tenant, of, kind=OperationKind.HAND_OVER, order=order))


def test_whose_a_token_is_says_the_hand_over_that_was_completed_last(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    gold, silver = sorted([added(store, tenant).id for _ in range(2)])
    theirs = added(store, other)
    ended = added(store, tenant)
    failed = Failed(reason=Reason.DEPLOYMENT_VALIDATION_FAILED, without_effect=True, detail="no")
    with store.begin(tenant.scope) as work:
        locked = work.deployments.lock(ended.id)
        work.deployments.put(locked.apply(failed), NOW, None)
    first, second = (handed(store, tenant, gold, to) for to in ("0xsecond", "0xthird"))
    handed(store, tenant, silver, "0xsecond")

    def seen() -> tuple[object, ...]:
        with store.begin(tenant.scope) as work:
            asked = work.deployments
            return (
                asked.handed_to([gold, silver, theirs.id]),
                *(
                    list(asked.held_by(tenant.account, [address]))
                    for address in ("0xissuer", "0xsecond", "0xthird")
                ),
            )

    assert seen() == ({}, [gold, silver], [], [])
    completed(store, tenant, second, NOW + timedelta(minutes=2))
    assert seen() == ({gold: "0xthird"}, [silver], [], [gold])
    # Whatever their ids are: what was accepted later counts.
    completed(store, tenant, first, NOW + timedelta(minutes=1))
    assert seen() == ({gold: "0xthird"}, [silver], [], [gold])
    with store.begin(tenant.scope) as work:
        both = work.deployments.held_by(tenant.account, ["0xthird", "0xissuer"])
        assert list(both) == [gold, silver]
        assert list(work.deployments.held_by(AccountId(uuid4()), ["0xissuer"])) == []
        assert work.deployments.handed_to([]) == {}
    with store.begin(other.scope) as work:
        assert work.deployments.handed_to([gold]) == {}


def test_what_goes_to_an_address_is_told_whatever_becomes_of_it(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    gold, silver = (added(store, tenant).id for _ in range(2))
    found = [handed(store, tenant, token, "0xsecond") for token in (gold, silver)]
    handed(store, tenant, gold, "0xthird")
    handed(store, other, added(store, other).id, "0xsecond")
    completed(store, tenant, found[0], NOW + timedelta(minutes=1))
    with store.begin(tenant.scope) as work:
        told = work.deployments.handing_to("0xsecond")
        assert [each.id for each in told] == sorted((each.id for each in found), reverse=True)
        assert {each.state for each in told} == {State.COMPLETED, State.QUEUED}
        assert list(work.deployments.handing_to("0xissuer")) == []


def test_an_order_is_given_by_another_owner_as_long_as_it_is_untouched(store: Store):
    tenant = a_tenant(store)
    order = add(store, tenant, an_order(tenant, added(store, tenant).id))
    with store.begin(tenant.scope) as work:
        locked = work.deployments.lock(order.id)
        given = locked.belonging_to("0xsecond")
        work.deployments.put(given, NOW, None)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(order.id) == given == evolve(order, owner="0xsecond")


def test_the_months_number_is_of_deployments(store: Store):
    tenant = a_tenant(store)
    token = added(store, tenant)
    for _ in range(3):
        add(store, tenant, an_order(tenant, token.id))
    with store.begin(tenant.scope) as work:
        assert work.deployments.count_accepted(NOW, NOW + timedelta(days=30)) == 1


def test_a_client_reference_is_for_deployments_and_orders(store: Store):
    tenant = a_tenant(store)
    token = added(store, tenant)
    order = add(store, tenant, an_order(tenant, token.id, client_reference="mine"))
    with store.begin(tenant.scope) as work:
        assert work.deployments.by_reference("mine", live=False) == order


def test_who_pays_for_everybody_is_told_from_who_pays_for_itself(store: Store):
    tenant = a_tenant(store)
    treasury = a_signer(tenant)
    issuers = [evolve(a_signer(tenant, f"0xissuer{n}"), is_treasury=False) for n in (1, 2)]
    with store.begin(Scope.installation()) as work:
        assert work.signers.add(treasury)
    # An issuer is introduced in its organisation's scope, by whoever comes first.
    for issuer in issuers:
        with store.begin(tenant.scope) as work:
            assert work.signers.add(issuer)
            assert not work.signers.add(evolve(issuer, next_sequence=7))
    for scope in (tenant.scope, Scope.installation()):
        with store.begin(scope) as work:
            assert work.signers.treasury(tenant.network) == [treasury]
            assert work.signers.of_network(tenant.network) == [*issuers, treasury]
            assert work.signers.get(tenant.network, issuers[0].address) == issuers[0]


def test_an_issuers_line_is_moved_halted_and_fenced_and_stays_an_issuers(store: Store):
    tenant = a_tenant(store)
    issuer = evolve(a_signer(tenant, "0xissuer"), is_treasury=False)
    with store.begin(tenant.scope) as work:
        work.signers.add(issuer)
    with store.begin(Scope.installation()) as work:
        locked = work.signers.lock(tenant.network, issuer.address)
        assert locked == issuer
        work.signers.put(evolve(locked, next_sequence=5, halted="a stranger"))
    with store.begin(Scope.installation()) as work:
        taken = work.signers.take_lease(tenant.network, issuer.address, timedelta(minutes=1))
    assert taken == evolve(issuer, next_sequence=5, halted="a stranger", fence=1)
    with store.begin(tenant.scope) as work:
        assert work.signers.get(tenant.network, issuer.address) == taken


def test_a_later_steps_slot_is_counted_with_the_issuer(store: Store):
    tenant = a_tenant(store)
    token = added(store, tenant)
    order = an_order(tenant, token.id, owner="0xissuer")
    treasury, issuer = a_signer(tenant), evolve(a_signer(tenant, "0xissuer"), is_treasury=False)
    with store.begin(Scope.installation()) as work:
        for signer in (treasury, issuer):
            work.signers.add(signer)
    for event in first_step(slot_of(treasury)):
        order = order.apply(event)
    add(store, tenant, order)
    with store.begin(tenant.scope) as work:
        locked = work.deployments.lock(order.id)
        assert locked is not None
        reserved = locked.apply(SlotReserved(step=2, slot=slot_of(issuer)))
        work.deployments.put(reserved, NOW, None)
    with store.begin(tenant.scope) as work:
        assert work.deployments.get(order.id) == reserved
        assert work.signers.open_slots(tenant.network, issuer.address) == 1
        assert work.signers.open_slots(tenant.network, treasury.address) == 0
    with store.begin(Scope.installation()) as work:
        use = work.signers.lowest_open(tenant.network, issuer.address)
        assert use is not None
        assert (use.operation, use.sequence, use.has_attempt) == (order.id, 0, False)


def slot_of(signer: Signer) -> Slot:
    reserved = signer.reserve(0, 1, NonceLine(taken=0))
    assert not isinstance(reserved, Postponed)
    return reserved[0]


def first_step(slot: Slot) -> list[Event]:
    """It lands."""
    id = TransactionId(f"0x{uuid4().hex}")
    attempt = Attempt(number=1, transaction_id=id, raw=b"r", body=b"b", fee_cap=1, signed_at=NOW)
    block = Block(number=7, hash="0xb")
    inclusion = Inclusion(transaction_id=id, block=block, succeeded=True, cost=1)
    return [
        SlotReserved(step=1, slot=slot),
        Signed(step=1, attempt=attempt),
        Broadcast(step=1, transaction_id=id, at=NOW),
        StepFinal(step=1, inclusion=inclusion, token="0xtoken"),
    ]
