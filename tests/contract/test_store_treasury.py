"""What treasuries held when somebody last looked, in every store."""

from datetime import timedelta

import pytest
from attrs import evolve

from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError
from domain.treasury import Holding, Level
from tests.contract.tenants import NOW, Tenant, a_signer, a_tenant

RICH = 10**30
"""Wei: what no machine word holds."""


def a_holding(tenant: Tenant, address: str, **changes: object) -> Holding:
    holding = Holding(
        network=tenant.network, address=address, balance=RICH, level=Level.ENOUGH, seen_at=NOW
    )
    return evolve(holding, **changes)


def test_what_was_seen_last_is_kept_for_each_address(store: Store):
    tenant = a_tenant(store)
    first, second = a_signer(tenant), a_signer(tenant, "0xother")
    with store.begin(Scope.installation()) as work:
        for signer in (first, second):
            work.signers.add(signer)
            assert work.signers.holding(tenant.network, signer.address) is None
    for seen in (
        a_holding(tenant, first.address),
        a_holding(tenant, first.address, balance=0, level=Level.EMPTY,
                  seen_at=NOW + timedelta(seconds=1)),
    ):  # fmt: skip
        with store.begin(Scope.installation()) as work:
            work.signers.lock(tenant.network, first.address)
            work.signers.put_holding(seen)
        # Whoever asks for a deployment reads it in a scope of their own.
        with store.begin(tenant.scope) as work:
            assert work.signers.holding(tenant.network, first.address) == seen
            assert work.signers.holding(tenant.network, second.address) is None
            assert work.signers.get(tenant.network, first.address) == first


def test_a_holding_is_of_a_signer(store: Store):
    tenant = a_tenant(store)
    holding = a_holding(tenant, "0xnobody")
    with store.begin(Scope.installation()) as work, pytest.raises(MisuseError):
        work.signers.put_holding(holding)
