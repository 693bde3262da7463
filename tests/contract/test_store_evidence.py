"""What was handed out as evidence, in every store."""

from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.evidence import IssuedEvidence
from application.ports.storage.work import Store
from domain.errors import MisuseError
from domain.identifiers import EventId, OperationId
from tests.contract.tenants import NOW, a_tenant, added


def test_evidence_is_kept_as_it_was_said_and_the_newest_is_found(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    deployment = added(store, tenant)
    first = IssuedEvidence(
        operation=deployment.id,
        event=EventId(uuid4()),
        sequence=9,
        issued_at=NOW,
        events=(3, 4, 8),
        core=b'{"odd":"\\u0000"}',
    )
    second = evolve(first, event=EventId(uuid4()), sequence=12, core=b"{}")
    with store.begin(tenant.scope) as work:
        assert work.evidence.newest(deployment.id) is None
        work.evidence.add(second)
        work.evidence.add(first)
        assert work.evidence.newest(deployment.id) == second
        assert work.evidence.newest(OperationId(uuid4())) is None
        assert work.evidence.of_event(9) == first
        assert work.evidence.of_event(10) is None
    with store.begin(other.scope) as work:
        assert work.evidence.newest(deployment.id) is None
        assert work.evidence.of_event(9) is None


def test_an_event_is_of_one_evidence(store: Store):
    tenant = a_tenant(store)
    deployment, another = added(store, tenant), added(store, tenant)
    issued = IssuedEvidence(
        operation=deployment.id,
        event=EventId(uuid4()),
        sequence=1,
        issued_at=NOW,
        events=(1,),
        core=b"{}",
    )
    with store.begin(tenant.scope) as work:
        work.evidence.add(issued)
    for twice in (issued, evolve(issued, operation=another.id)):
        with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
            work.evidence.add(twice)


def test_evidence_is_of_an_operation_of_the_same_organisation(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    theirs = added(store, other)
    issued = IssuedEvidence(
        operation=theirs.id,
        event=EventId(uuid4()),
        sequence=1,
        issued_at=NOW,
        events=(1,),
        core=b"{}",
    )
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.evidence.add(issued)
