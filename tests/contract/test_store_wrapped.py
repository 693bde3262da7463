"""What is wrapped at rest, in every store: found, read in its scope, and wrapped anew."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from application.ports.custody import Wrapped
from application.ports.storage.work import Scope, Store
from application.ports.storage.wrapped import Sort, WrappedPlace
from domain.identifiers import INSTALLATION, OrganisationId
from tests.contract.tenants import NOW, Tenant, a_tenant
from tests.contract.test_store_letters import a_letter, written
from tests.contract.test_store_subjects import a_key
from tests.contract.test_store_webhooks import a_secret, an_endpoint

OLD, NEW = "old:1", "new:1"
NOBODY = OrganisationId(UUID(int=0))


def a_wrapped(text: str, wrapping: str = OLD) -> Wrapped:
    return Wrapped(wrapping=wrapping, ciphertext=text.encode())


def furnished(store: Store) -> tuple[Tenant, Mapping[WrappedPlace, Wrapped]]:
    """A tenant with one wrapped secret of each sort."""
    tenant, endpoint_secret = a_tenant(store), evolve(a_secret(), wrapping=OLD)
    endpoint, letter = an_endpoint(tenant), a_letter(tenant, sealed=a_wrapped("letter"))
    with store.begin(tenant.scope) as work:
        work.secrets.add("vault:acct_1/1", a_wrapped("entry"))
        work.webhooks.add(endpoint, endpoint_secret)
    with store.begin(tenant.person) as work:
        work.subject_keys.add(evolve(a_key(tenant), wrapped=a_wrapped("person")))
    written(store, letter)
    return tenant, {
        WrappedPlace(Sort.SECRET, tenant.organisation, "vault:acct_1/1"): a_wrapped("entry"),
        WrappedPlace(Sort.ENDPOINT, tenant.organisation, f"{endpoint.id}/1"): Wrapped(
            wrapping=OLD, ciphertext=endpoint_secret.ciphertext
        ),
        WrappedPlace(Sort.PERSON, NOBODY, str(tenant.user)): a_wrapped("person"),
        WrappedPlace(Sort.LETTER, INSTALLATION, str(letter.id)): a_wrapped("letter"),
    }


def scope_of(tenant: Tenant, place: WrappedPlace) -> Scope:
    return (
        Scope(user=tenant.user)
        if place.sort is Sort.PERSON
        else Scope(organisation=place.organisation)
    )


def by_others(store: Store, current: str, size: int = 100) -> list[WrappedPlace]:
    found: list[WrappedPlace] = []
    while True:
        with store.begin(Scope()) as work:
            page = work.wrapped.by_others(current, found[-1] if found else None, size)
        if not page:
            return found
        assert len(page) <= size
        found += page


def count(store: Store, current: str) -> int:
    with store.begin(Scope()) as work:
        return work.wrapped.count_by_others(current)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_others_wrapped_is_found_page_by_page_in_one_order(store: Store, size: int):
    places = [place for _ in range(2) for place in furnished(store)[1]]
    found = by_others(store, NEW, size)
    assert sorted(found) == found
    assert set(places) <= set(found)
    assert len(set(found)) == len(found) == count(store, NEW)
    assert not set(by_others(store, OLD)) & set(places)


def test_each_is_read_and_changed_in_its_own_scope_only(store: Store):
    tenant, secrets = furnished(store)
    other = a_tenant(store)
    for place, wrapped in secrets.items():
        anew = a_wrapped("anew", NEW)
        for scope in (other.scope, Scope(user=other.user), Scope()):
            with store.begin(scope) as work:
                assert work.wrapped.get(place) is None
                assert not work.wrapped.replace(place, wrapped, anew)
        with store.begin(scope_of(tenant, place)) as work:
            assert work.wrapped.get(place) == wrapped
            assert work.wrapped.replace(place, wrapped, anew)
        with store.begin(scope_of(tenant, place)) as work:
            assert work.wrapped.get(place) == anew
    assert not set(by_others(store, NEW)) & set(secrets)


def test_what_was_changed_meanwhile_is_left(store: Store):
    tenant, secrets = furnished(store)
    for place, wrapped in secrets.items():
        stale = evolve(wrapped, ciphertext=wrapped.ciphertext + b"!")
        with store.begin(scope_of(tenant, place)) as work:
            assert not work.wrapped.replace(place, stale, a_wrapped("anew", NEW))
            assert work.wrapped.get(place) == wrapped


def test_the_rest_of_its_row_stays(store: Store):
    tenant, secrets = furnished(store)
    endpoint = next(place for place in secrets if place.sort is Sort.ENDPOINT)
    with store.begin(tenant.scope) as work:
        work.wrapped.replace(endpoint, secrets[endpoint], a_wrapped("anew", NEW))
    id = UUID(endpoint.name.partition("/")[0])
    with store.begin(tenant.scope) as work:
        (secret,) = work.webhooks.secrets(id)  # type: ignore[arg-type]  # read off its name
    assert secret == evolve(a_secret(), wrapping=NEW, ciphertext=b"anew")


def test_a_key_that_was_destroyed_is_not_wrapped(store: Store):
    tenant, secrets = furnished(store)
    person = next(place for place in secrets if place.sort is Sort.PERSON)
    with store.begin(tenant.person) as work:
        work.subject_keys.lock()
        work.subject_keys.destroy(NOW)
    assert person not in by_others(store, NEW)
    with store.begin(Scope(user=tenant.user)) as work:
        assert work.wrapped.get(person) is None
        assert not work.wrapped.replace(person, secrets[person], a_wrapped("anew", NEW))


def test_there_is_nothing_where_there_is_nothing(store: Store):
    place = WrappedPlace(Sort.SECRET, OrganisationId(uuid4()), "nothing")
    with store.begin(Scope(organisation=place.organisation)) as work:
        assert work.wrapped.get(place) is None
