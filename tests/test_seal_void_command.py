"""`tallystick seal void`, as an operator runs it."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from adapters.memory.clock import MemoryClock
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.storage import MemoryStore
from application.audit.voids import VoidNumber
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.contract.tenants import a_tenant, an_event
from tests.contract.test_store_seals import trail_without


@pytest.fixture
def tenant(monkeypatch):
    store, clock = MemoryStore(), MemoryClock()
    void = VoidNumber(store=store, clock=clock, identifiers=MemoryIdentifiers(clock))

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(void_number=lambda: void)

    monkeypatch.setattr(setting_up, "container", container)
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.audit.append(*(an_event(tenant) for _ in range(3)))
    trail_without(store, tenant, 2)
    return tenant


def run(*arguments):
    done = CliRunner().invoke(main, ["seal", "void", *arguments])
    assert "Traceback" not in done.output
    return done


def test_a_missing_number_is_voided_once(tenant):
    name = public_id(Prefix.ORGANISATION, tenant.organisation)
    done = run(name, "2", "--reason", "counted by hand", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["organisation"], told["number"]) == (name, 2)
    assert told["event"].startswith("evt_")
    again = run(name, "2", "--reason", "counted by hand")
    assert again.exit_code == 1
    assert "refused (number_not_missing)" in again.output


def test_what_is_no_organisation_or_has_no_reason_is_refused(tenant):
    name = public_id(Prefix.ORGANISATION, tenant.organisation)
    assert run("org_nobody", "2", "--reason", "x").exit_code == 2
    assert run(name, "2").exit_code == 2
    assert "reason_missing" in run(name, "2", "--reason", " ").output
    assert "number_not_given" in run(name, "4", "--reason", "x").output
