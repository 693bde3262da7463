"""Whose deployments are approved, and what became of it, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.access.caller import Caller
from application.deployments.approve import DecideApproval
from application.ports.storage.work import Store
from domain.approval import LIFE, Approval, Verdict
from domain.audit import Actor
from domain.errors import MisuseError, Refusal
from domain.identifiers import MemberId, OperationId, Prefix, public_id
from domain.organisation import PERMISSIONS, Role
from tests.contract.tenants import NOW, Tenant, a_tenant, added, at_once

HASH = bytes(range(32))


def asked(store: Store, tenant: Tenant) -> Approval:
    deployment = added(store, tenant, plan_hash=HASH)
    approval = Approval.asked(tenant.organisation, deployment.id, HASH, tenant.member, NOW)
    with store.begin(tenant.scope) as work:
        work.approvals.put(approval)
    return approval


def read(store: Store, tenant: Tenant, id: OperationId) -> Approval | None:
    with store.begin(tenant.scope) as work:
        return work.approvals.get(id)


def test_nobody_needs_approvals_who_has_not_said_so(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    for needed in (True, False, True):
        with store.begin(ada.scope) as work:
            work.approvals.need(needed=needed)
            assert work.approvals.are_needed() is needed
        with store.begin(eve.scope) as work:
            assert not work.approvals.are_needed()


def test_what_becomes_of_an_approval_is_kept(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    approval = asked(store, ada)
    assert read(store, ada, approval.deployment) == approval
    assert read(store, eve, approval.deployment) is None
    by = MemberId(uuid4())
    decided = approval.decided(Verdict.APPROVED, HASH, by, NOW)
    assert isinstance(decided, Approval)
    with store.begin(ada.scope) as work:
        work.approvals.put(decided)
    assert read(store, ada, approval.deployment) == decided
    with pytest.raises(MisuseError), store.begin(eve.scope) as work:
        work.approvals.put(approval)


def test_of_many_verdicts_at_once_one_counts(store: Store):
    ada = a_tenant(store)
    approval = asked(store, ada)
    clock = MemoryClock(NOW)
    decide = DecideApproval(store=store, clock=clock, identifiers=SystemIdentifiers(clock))

    def by(member: MemberId) -> Caller:
        return Caller(
            organisation=ada.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member)),
            permissions=PERMISSIONS[Role.COMPLIANCE],
            live=None,
            request_id="req",
            member=member,
            user=ada.user,
        )

    def deciding(verdict: Verdict):
        caller = by(MemberId(uuid4()))
        return lambda: decide(caller, approval.deployment, verdict, HASH)

    answers = at_once(
        [deciding(verdict) for _ in range(3) for verdict in (Verdict.APPROVED, Verdict.REJECTED)]
    )
    good = [answer for answer in answers if isinstance(answer, Approval)]
    assert len(good) == 1
    assert read(store, ada, approval.deployment) == good[0]
    assert {each.code for each in answers if isinstance(each, Refusal)} == {"approval_decided"}
    mine = decide(by(ada.member), approval.deployment, Verdict.APPROVED, HASH)
    assert isinstance(mine, Refusal)


def test_the_requester_rejects_but_does_not_approve(store: Store):
    approval = asked(store, a_tenant(store))
    approved = approval.decided(Verdict.APPROVED, HASH, approval.asked_by, NOW)
    assert isinstance(approved, Refusal)
    assert approved.code == "approval_by_requester"
    assert isinstance(approval.decided(Verdict.REJECTED, HASH, approval.asked_by, NOW), Approval)


def test_an_approval_waits_for_its_life_and_no_longer(store: Store):
    approval = asked(store, a_tenant(store))
    last = NOW + LIFE - timedelta(microseconds=1)
    assert approval.waits(last)
    assert approval.refusal(last) is None
    assert not approval.waits(NOW + LIFE)
    late = approval.decided(Verdict.APPROVED, HASH, MemberId(uuid4()), NOW + LIFE)
    assert isinstance(late, Refusal)
    assert late.code == "approval_expired"
    with pytest.raises(ValueError):
        evolve(approval, verdict=Verdict.APPROVED)
