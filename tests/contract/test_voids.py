"""Voiding a number of nothing, in every store: what is behind it is sealed, and nothing hidden."""

import pytest

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.audit.as_of import StateAsOf
from application.audit.voids import VoidNumber
from application.evidence.verify import VerifyAudit
from application.ports.storage.seals import Trouble
from application.ports.storage.work import Scope
from domain.audit import AuditEvent
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, OrganisationId, Prefix, public_id
from tests.contract.tenants import NOW, a_tenant, at_once
from tests.contract.test_store_seals import (
    a_log,
    happened,
    head_moved,
    seal,
    trail_without,
    waiting,
)


class DiesError(Exception):
    """The process ends here."""


@pytest.fixture
def trail(sealed_store):
    return sealed_store[0]


@pytest.fixture
def seals(sealed_store):
    return sealed_store[1]


@pytest.fixture
def void(trail):
    return voiding(trail)


def voiding(trail, identifiers=None):
    clock = MemoryClock()
    return VoidNumber(
        store=trail, clock=clock, identifiers=identifiers or SystemIdentifiers(clock)
    )


def told(trail):
    """What the installation's trail says of voided numbers."""
    with trail.begin(Scope.installation()) as work:
        return [
            (event.subject, event.content()["details"])
            for event in work.audit.all(limit=1_000)
            if event.action == "audit.number_voided"
        ]


def differences(trail, *tenants):
    verify = VerifyAudit(store=trail, verifies=lambda *_: True)
    return verify([INSTALLATION, *(tenant.organisation for tenant in tenants)])


def troubles(session):
    found = session.unsealed(1, batch=100, takes_restored=False)
    return [each for each in found if isinstance(each, Trouble)]


def test_what_is_behind_a_voided_number_is_sealed_and_says_what_it_is(trail, seals, void):
    tenant = a_tenant(trail)
    happened(trail, tenant, 3)
    with seals.session() as session:
        session.open_log(a_log())
        seal(session)
        # As the application's role can: number 4 is of nothing.
        head_moved(trail, tenant, 4)
        happened(trail, tenant, 3)
        (gap,) = troubles(session)
        assert (gap.kind, gap.sequence) == ("missing", 4)
        assert differences(trail, tenant).differences.counts == {"event_missing": 1}
        voided = void(tenant.organisation, 4, "counted past the application")
        assert isinstance(voided, AuditEvent)
        assert troubles(session) == []
        leaves, _ = seal(session)
    mine = [leaf for leaf in leaves if leaf.organisation == tenant.organisation]
    assert [leaf.sequence for leaf in mine] == [4, 5, 6, 7]
    assert mine[0].event == voided.id
    with trail.begin(tenant.scope) as work:
        (there,) = work.audit.numbered([4])
    assert (there.action, there.at) == ("number.voided", MemoryClock().now())
    assert there.content()["details"] == {"reason": "counted past the application"}
    assert there.content()["actor"] == {"id": None, "kind": "operator"}
    subject = public_id(Prefix.ORGANISATION, tenant.organisation)
    assert told(trail) == [
        (
            subject,
            {"number": 4, "organisation": subject, "reason": "counted past the application"},
        )
    ]
    verdict = differences(trail, tenant)
    assert (verdict.differences.counts, verdict.voided) == ({}, 1)
    state = StateAsOf(store=trail)(tenant.organisation, NOW)
    assert "event 4 is not there: its number was voided" in state.lacks


def test_what_is_behind_a_voided_number_is_guarded_like_everything(trail, seals, void):
    tenant = a_tenant(trail)
    with seals.session() as session:
        session.open_log(a_log())
        head_moved(trail, tenant, 1)
        happened(trail, tenant, 4)
        assert not isinstance(void(tenant.organisation, 1, "why not"), Refusal)
        seal(session)
    trail_without(trail, tenant, 3)
    assert differences(trail, tenant).differences.counts == {
        "event_missing": 1,
        "leaf_without_event": 1,
    }


def test_only_a_number_that_no_trace_is_of_is_voided(trail, seals, void):
    tenant = a_tenant(trail)
    happened(trail, tenant, 4)
    with seals.session() as session:
        session.open_log(a_log(1))
        seal(session)
        session.close_log(1, NOW, "a key that is lost")
        session.open_log(a_log(2))
    # Sealed, in a log that is closed by now, and deleted.
    trail_without(trail, tenant, 2)
    for number, code in (
        (-1, "number_not_given"),
        (0, "number_not_given"),
        (5, "number_not_given"),
        (3, "number_not_missing"),
        (2, "number_sealed"),
    ):
        refused = void(tenant.organisation, number, "to hide it")
        assert isinstance(refused, Refusal)
        assert refused.code == code
    assert void(tenant.organisation, 2, " ").code == "reason_missing"
    nobody = OrganisationId(a_log_organisation(tenant))
    assert void(nobody, 1, "of nobody").code == "not_found"
    assert told(trail) == []
    with trail.begin(tenant.scope) as work:
        assert [event.sequence for event in work.audit.all(limit=9)] == [1, 3, 4]


def a_log_organisation(tenant):
    """An id that no organisation has."""
    return tenant.organisation.__class__(int=tenant.organisation.int ^ 1)


def test_whoever_dies_between_telling_and_doing_it_does_it_again(trail, seals, void):
    tenant = a_tenant(trail)
    happened(trail, tenant, 2)
    trail_without(trail, tenant, 1)

    class Mortal(SystemIdentifiers):
        def next(self, given=[]):  # noqa: B006 - one process
            if given:
                raise DiesError
            given.append(super().next())
            return given[0]

    with pytest.raises(DiesError):
        voiding(trail, Mortal(MemoryClock()))(tenant.organisation, 1, "the first time")
    assert len(told(trail)) == 1
    with seals.session() as session:
        session.open_log(a_log())
        assert [each.sequence for each in troubles(session)] == [1]
    done = void(tenant.organisation, 1, "the second time")
    assert done.content()["details"] == {"reason": "the first time"}
    assert len(told(trail)) == 1
    with seals.session() as session:
        assert {each.sequence for each in waiting(session)} >= {1, 2}


def test_of_two_who_void_a_number_one_does(trail, void):
    tenant = a_tenant(trail)
    happened(trail, tenant, 3)
    trail_without(trail, tenant, 2)
    done = at_once([lambda: void(tenant.organisation, 2, "both")] * 3)
    assert sum(isinstance(each, AuditEvent) for each in done) == 1
    assert {each.code for each in done if isinstance(each, Refusal)} == {"number_not_missing"}


def test_a_number_of_the_installations_own_is_voided_too(trail, seals, void):
    with trail.begin(Scope.installation()) as work:
        head = work.audit.head()

    class Installation:
        organisation = INSTALLATION

    head_moved(trail, Installation, head + 1)
    with seals.session() as session:
        session.open_log(a_log())
        assert not isinstance(void(INSTALLATION, head + 1, "counted by hand"), Refusal)
        assert troubles(session) == []
        leaves, _ = seal(session)
    assert [leaf.sequence for leaf in leaves] == list(range(1, head + 3))
    assert differences(trail).differences.counts == {}
