"""Identities at providers and sign-ins under way: what every store promises of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

from attrs import evolve

from application.ports.storage.work import Scope
from domain.identifiers import INSTALLATION, FlowId, IdentityId
from domain.sign_in import Flow, Identity, hash_subject
from tests.contract.tenants import NOW, a_tenant

ISSUER = "https://login.example"


def an_identity(user, subject="sub-1", issuer=ISSUER):
    return Identity(
        user=user,
        id=IdentityId(uuid4()),
        issuer=issuer,
        subject_hash=hash_subject(issuer, f"{subject} of {user}"),
        linked_at=NOW,
    )


def a_flow(**changes):
    flow = Flow(
        id=FlowId(uuid4()),
        secret_hash=bytes(32),
        issuer=ISSUER,
        started_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )
    return evolve(flow, **changes)


def test_an_identity_leads_to_its_user_from_any_scope(store):
    ada, eve = a_tenant(store), a_tenant(store)
    linked = an_identity(ada.user)
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.add(linked)
    for scope in (Scope(), Scope(user=eve.user), Scope(organisation=eve.organisation)):
        with store.begin(scope) as work:
            assert work.identities.find(ISSUER, linked.subject_hash) == ada.user
            assert work.identities.find("https://other.example", linked.subject_hash) is None
            assert work.identities.all() == []
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.all() == [linked]


def test_a_subject_is_one_users(store):
    ada, eve = a_tenant(store), a_tenant(store)
    linked = an_identity(ada.user)
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.add(linked)
    with store.begin(Scope(user=eve.user)) as work:
        assert not work.identities.add(evolve(linked, user=eve.user, id=IdentityId(uuid4())))
        assert work.identities.all() == []
        assert work.identities.find(ISSUER, linked.subject_hash) == ada.user


def test_a_user_has_one_subject_of_an_issuer(store):
    ada = a_tenant(store)
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.add(an_identity(ada.user))
        assert not work.identities.add(an_identity(ada.user, "sub-2"))
        assert work.identities.add(an_identity(ada.user, issuer="https://other.example"))
    again = hash_subject(ISSUER, f"sub-2 of {ada.user}")
    with store.begin(Scope()) as work:
        assert work.identities.find(ISSUER, again) is None


def test_what_is_unlinked_is_forgotten_and_may_be_linked_again(store):
    ada, eve = a_tenant(store), a_tenant(store)
    linked = an_identity(ada.user)
    with store.begin(Scope(user=ada.user)) as work:
        work.identities.add(linked)
    with store.begin(Scope(user=eve.user)) as work:
        assert not work.identities.end(linked.id, NOW)
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.end(linked.id, NOW)
        assert not work.identities.end(linked.id, NOW)
        assert work.identities.all() == []
    moved = evolve(linked, user=eve.user, id=IdentityId(uuid4()))
    with store.begin(Scope(user=eve.user)) as work:
        assert work.identities.find(ISSUER, linked.subject_hash) is None
        assert work.identities.add(moved)
    with store.begin(Scope(user=ada.user)) as work:
        assert work.identities.add(an_identity(ada.user, "sub-2"))


def test_a_flow_comes_back_as_it_was_and_is_the_installations(store):
    ada = a_tenant(store)
    flow = a_flow(user=ada.user, session=uuid4(), organisation=ada.organisation, name="Ada")
    with store.begin(Scope.installation()) as work:
        work.sign_in_flows.add(flow)
    with store.begin(Scope.installation()) as work:
        assert work.sign_in_flows.get(flow.id) == flow
        assert work.sign_in_flows.get(FlowId(uuid4())) is None
    with store.begin(Scope(organisation=ada.organisation, user=ada.user)) as work:
        assert work.sign_in_flows.get(flow.id) is None
        assert not work.sign_in_flows.take(flow.id, NOW)


def test_a_flow_is_taken_once_and_in_time(store):
    flow, late = a_flow(), a_flow()
    with store.begin(Scope.installation()) as work:
        work.sign_in_flows.add(flow)
        work.sign_in_flows.add(late)
    with store.begin(Scope.installation()) as work:
        assert work.sign_in_flows.take(flow.id, NOW)
        assert not work.sign_in_flows.take(flow.id, NOW)
        assert not work.sign_in_flows.take(late.id, late.expires_at)
        assert work.sign_in_flows.get(flow.id) == evolve(flow, used_at=NOW)
        assert not work.sign_in_flows.take(FlowId(uuid4()), NOW)


def test_of_many_who_take_a_flow_at_once_one_gets_it(store):
    flow = a_flow()
    with store.begin(Scope.installation()) as work:
        work.sign_in_flows.add(flow)

    def take(_):
        with store.begin(Scope.installation()) as work:
            return work.sign_in_flows.take(flow.id, NOW)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(take, range(6))) == [False] * 5 + [True]


def test_flows_that_are_over_are_forgotten(store):
    over, alive = a_flow(expires_at=NOW - timedelta(days=400)), a_flow()
    with store.begin(Scope(organisation=INSTALLATION)) as work:
        work.sign_in_flows.add(over)
        work.sign_in_flows.add(alive)
    with store.begin(Scope()) as work:
        assert work.sign_in_flows.purge(NOW - timedelta(days=399)) >= 1
    with store.begin(Scope.installation()) as work:
        assert work.sign_in_flows.get(over.id) is None
        assert work.sign_in_flows.get(alive.id) == alive
