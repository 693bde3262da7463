"""Issuing accounts and sealed secrets, in every store."""

from uuid import uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.custody import Wrapped
from application.ports.storage.work import Scope, Store
from domain.account import AccountState, Origin
from domain.errors import MisuseError
from domain.identifiers import AccountId, KeyRef
from domain.network import Family
from domain.signing import Curve, PublicKey
from tests.contract.tenants import a_tenant, an_account, at_once, ready
from tests.strategies import examples


def test_an_account_gets_its_key(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        account = work.accounts.lock(tenant.account)
        assert account == an_account(tenant, tenant.account)
        work.accounts.put(ready(account))
    with store.begin(tenant.scope) as work:
        assert work.accounts.get(tenant.account) == ready(account)
        assert work.accounts.find(Family.EVM, live=False) == ready(account)
        assert work.accounts.find(Family.EVM, live=True) is None
        assert work.accounts.find(Family.ALGORAND, live=False) is None


def test_an_organisation_has_one_account_per_family_and_mode(store: Store):
    tenant = a_tenant(store)
    again = an_account(tenant, AccountId(uuid4()))
    others = [
        evolve(again, id=AccountId(uuid4()), live=True),
        evolve(again, id=AccountId(uuid4()), family=Family.ALGORAND),
    ]
    with store.begin(tenant.scope) as work:
        assert not work.accounts.add(again)
        assert work.accounts.get(again.id) is None
        assert all(work.accounts.add(other) for other in others)
    with store.begin(tenant.scope) as work:
        assert [work.accounts.get(other.id) for other in others] == others


def test_of_many_who_add_an_account_at_once_one_does(store: Store):
    tenant = a_tenant(store)

    def add() -> bool:
        with store.begin(tenant.scope) as work:
            return work.accounts.add(an_account(tenant, AccountId(uuid4()), live=True))

    assert at_once([add] * 6).count(True) == 1


@pytest.mark.parametrize(
    "key", [PublicKey(Curve.ED25519, bytes(32)), PublicKey(Curve.SECP256K1, bytes(range(64)))]
)
def test_every_state_and_curve_round_trips(store: Store, key: PublicKey):
    tenant = a_tenant(store)
    account = ready(an_account(tenant, tenant.account))
    for state in AccountState:
        changed = evolve(account, state=state, public_key=key)
        with store.begin(tenant.scope) as work:
            work.accounts.put(changed)
        with store.begin(tenant.scope) as work:
            assert work.accounts.get(tenant.account) == changed


def test_a_ready_account_has_its_key(store: Store):
    tenant = a_tenant(store)
    account = evolve(an_account(tenant, tenant.account), state=AccountState.READY)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.accounts.put(account)


def test_accounts_without_a_key_are_told_in_any_scope(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(other.scope) as work:
        account = work.accounts.lock(other.account)
        assert account is not None
        work.accounts.put(ready(account))
    with store.begin(Scope()) as work:
        waiting = work.accounts.requested(10_000)
        assert (tenant.organisation, tenant.account) in waiting
        assert (other.organisation, other.account) not in waiting
        assert len(work.accounts.requested(1)) == 1


def test_an_account_of_a_passphrase_waits_for_no_worker(store: Store):
    tenant = a_tenant(store)
    account = an_account(tenant, AccountId(uuid4()), live=True)
    with store.begin(tenant.scope) as work:
        assert work.accounts.add(evolve(account, origin=Origin.ARC76))
    with store.begin(tenant.scope) as work:
        assert work.accounts.get(account.id) == evolve(account, origin=Origin.ARC76)
        assert (tenant.organisation, account.id) not in work.accounts.requested(10_000)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.accounts.put(account)


def test_an_account_whose_passphrase_is_given_up_waits_for_a_worker(store: Store):
    tenant = a_tenant(store)
    waiting = evolve(an_account(tenant, AccountId(uuid4()), live=True), origin=Origin.ARC76)
    given_up = waiting.without_passphrase()
    with store.begin(tenant.scope) as work:
        assert work.accounts.add(waiting)
    with store.begin(tenant.scope) as work:
        work.accounts.put(given_up)
    with store.begin(tenant.scope) as work:
        assert work.accounts.get(given_up.id) == given_up
        assert (tenant.organisation, given_up.id) in work.accounts.requested(10_000)
    # It is never given back.
    for origin in (Origin.ARC76, Origin.CUSTODIAN):
        with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
            work.accounts.put(evolve(given_up, origin=origin))


def test_an_account_of_a_passphrase_that_was_given_keeps_its_origin(store: Store):
    tenant = a_tenant(store)
    waiting = evolve(an_account(tenant, AccountId(uuid4()), live=True), origin=Origin.ARC76)
    key = PublicKey(Curve.ED25519, bytes(32))
    ready = waiting.with_key(KeyRef("memory:key/1"), key, "an address")
    with store.begin(tenant.scope) as work:
        assert work.accounts.add(waiting)
        work.accounts.put(ready)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.accounts.put(evolve(ready, origin=Origin.CUSTODIAN_INSTEAD))


@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ciphertexts=st.lists(st.binary(max_size=300), min_size=2, max_size=2))
def test_a_secrets_name_is_used_once(store: Store, ciphertexts: list[bytes]):
    tenant = a_tenant(store)
    first, second = (Wrapped(wrapping="w:1", ciphertext=text) for text in ciphertexts)
    with store.begin(tenant.scope) as work:
        assert work.secrets.get("name") is None
        assert work.secrets.add("name", first)
        assert not work.secrets.add("name", second)
        assert work.secrets.get("name") == first
    with store.begin(tenant.scope) as work:
        work.secrets.replace("name", evolve(second, wrapping="w:2"))
    with store.begin(tenant.scope) as work:
        assert work.secrets.get("name") == evolve(second, wrapping="w:2")


def test_of_many_who_add_a_secret_at_once_one_does(store: Store):
    tenant = a_tenant(store)

    def add() -> tuple[bool, Wrapped | None]:
        mine = Wrapped(wrapping="w", ciphertext=uuid4().bytes)
        with store.begin(tenant.scope) as work:
            is_first = work.secrets.add("key", mine)
        with store.begin(tenant.scope) as work:
            return is_first, work.secrets.get("key")

    answers = at_once([add] * 6)
    assert [is_first for is_first, _ in answers].count(True) == 1
    assert len({wrapped for _, wrapped in answers}) == 1
