"""What lists are given of what was kept is what is stored, whoever changed it, and how."""

import random
import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import psycopg
import pytest
from attrs import evolve

from adapters.postgres.outlines import KeptOutlines
from application.ports.storage.paging import PageRequest
from domain.deployment import Broadcast, Cancelled, Signed, SlotReserved
from domain.identifiers import OperationId
from domain.operation import Attempt, Slot, WaitReason
from tests.contract.tenants import (
    NOW,
    BoomError,
    a_deployment,
    a_tenant,
    added,
    at_once,
    die_after,
)
from tests.strategies import fresh_transaction_id

ROOT = Path(__file__).parents[3]
PAGE = PageRequest(limit=100)


def listed(store, tenant):
    with store.begin(tenant.scope) as work:
        return list(work.deployments.list(PAGE).items)


def stored(store, tenant):
    """The same, of what is read anew."""
    with store.begin(tenant.scope) as work:
        return [work.deployments.outline(each.id) for each in work.deployments.list(PAGE).items]


def put(store, tenant, deployment):
    with store.begin(tenant.scope) as work:
        work.deployments.lock(deployment.id)
        work.deployments.put(deployment, NOW, None)
    return deployment


def course(deployment):
    """Deployments as it may become, one after the other."""
    slot = Slot(
        number=1, network=deployment.network, signer=deployment.sender, sequence=uuid4().int >> 66
    )
    id = fresh_transaction_id()
    attempt = Attempt(
        number=1, transaction_id=id, raw=b"signed", body=b"draft", fee_cap=1, signed_at=NOW
    )
    for event in (
        SlotReserved(step=1, slot=slot),
        Signed(step=1, attempt=attempt),
        Broadcast(step=1, transaction_id=id, at=NOW),
    ):
        deployment = deployment.apply(event)
        yield deployment


def test_what_has_not_changed_is_the_same_object_and_what_has_is_read(store, another):
    tenant = a_tenant(store)
    still, moving = added(store, tenant), added(store, tenant)
    first = {each.id: each for each in listed(another, tenant)}
    for changed in course(moving):
        put(store, tenant, changed)
        now = {each.id: each for each in listed(another, tenant)}
        assert now[moving.id] == changed.outline()
        assert now[still.id] is first[still.id]


def test_each_change_within_a_transaction_is_seen_there_and_none_that_was_undone(store):
    """With nothing else to tell them by: neither who wrote it nor when it is due."""
    tenant = a_tenant(store)
    deployment = a_deployment(tenant)

    def write(work):
        work.deployments.add(deployment, NOW)
        assert work.deployments.list(PAGE).items == (deployment.outline(),)
        for changed in course(deployment):
            work.deployments.put(changed, NOW, None)
            assert work.deployments.list(PAGE).items == (changed.outline(),)

    with pytest.raises(BoomError):
        die_after(store, tenant.scope, write)
    assert listed(store, tenant) == []
    with store.begin(tenant.scope) as work:
        work.deployments.add(deployment, NOW)
    assert listed(store, tenant) == [deployment.outline()]

    def change(work):
        locked = work.deployments.lock(deployment.id)
        for changed in course(locked):
            work.deployments.put(changed, NOW, None)
            assert work.deployments.list(PAGE).items == (changed.outline(),)

    with pytest.raises(BoomError):
        die_after(store, tenant.scope, change)
    assert listed(store, tenant) == [deployment.outline()]
    waiting = put(store, tenant, deployment.awaiting(WaitReason.FINALITY, NOW))
    assert listed(store, tenant) == [waiting.outline()]
    cancelled = put(store, tenant, waiting.apply(Cancelled()))
    assert listed(store, tenant) == [cancelled.outline()]


def test_organisations_that_use_the_same_id_are_given_each_their_own(store, another):
    """Also where both rows are of one transaction, as a restored table's are."""
    id, ada, eve = OperationId(uuid4()), a_tenant(store), a_tenant(store)
    for tenant in (ada, eve):
        added(store, tenant, id=id, requested_by=f"of {tenant.organisation}")
    for _ in range(2):
        for tenant in (ada, eve):
            (found,) = listed(another, tenant)
            assert found.organisation == tenant.organisation
            assert found.requested_by == f"of {tenant.organisation}"


def test_whoever_reads_while_others_write_is_given_what_was_so_and_never_goes_back(store, another):
    """The business time of each says how far it had come."""
    tenant, done = a_tenant(store), Event()
    begun = [added(store, tenant) for _ in range(4)]

    def write(mine):
        def run():
            waiting = mine
            for number in range(1, 60):
                at = NOW + timedelta(seconds=number)
                reason = (WaitReason.FINALITY, WaitReason.IN_MEMPOOL)[number % 2]
                waiting = put(store, tenant, evolve(waiting, waiting=reason, waiting_since=at))
            return waiting

        return run

    def read():
        seen = dict.fromkeys((each.id for each in begun), NOW)
        while not done.is_set():
            before = {each.id: each.waiting_since or NOW for each in stored(store, tenant)}
            for each in listed(another, tenant):
                since = each.waiting_since or NOW
                assert since >= max(seen[each.id], before[each.id])
                number = (since - NOW).seconds
                expected = (WaitReason.FINALITY, WaitReason.IN_MEMPOOL)[number % 2]
                assert number == 0 or each.waiting is expected
                seen[each.id] = since

    def write_all():
        try:
            return at_once([write(each) for each in begun])
        finally:
            done.set()

    ended, *_ = at_once([write_all, read, read])
    assert {each.id: each for each in listed(another, tenant)} == {
        each.id: each.outline() for each in ended
    }


def put_off(work, id):
    locked = work.deployments.lock(id)
    later = NOW + timedelta(hours=1)
    work.deployments.put(locked.awaiting(WaitReason.OPERATOR, NOW), later, None)
    assert work.deployments.list(PAGE).items


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_lists_are_what_is_stored(store, another, seed):
    chance = random.Random(seed)
    tenants = [a_tenant(store), a_tenant(store)]
    courses = []
    for _ in range(60):
        act, tenant = (
            chance.choice(["add", "move", "move", "lose", "list"]),
            chance.choice(tenants),
        )
        mine = [each for each in courses if each[0] is tenant]
        if act == "add":
            courses.append((tenant, course(added(store, tenant))))
        elif act == "move" and mine:
            if changed := next(chance.choice(mine)[1], None):
                put(chance.choice([store, another]), tenant, changed)
        elif act == "lose" and (found := listed(store, tenant)):
            with pytest.raises(BoomError):
                die_after(another, tenant.scope, partial(put_off, id=chance.choice(found).id))
        for reader in (store, another):
            assert listed(reader, tenant) == stored(reader, tenant)


def test_a_server_that_comes_back_may_have_a_backups_rows(url, another):
    """They may have versions that were seen before: transactions are numbered from there again."""
    tenant = a_tenant(another)
    deployment = added(another, tenant)
    assert listed(another, tenant) == [deployment.outline()]
    with psycopg.connect(url, autocommit=True) as administrator:
        # As only another history can: the operation's row is as it was.
        administrator.execute(
            "UPDATE deployments SET predicted = '0xother' WHERE id = %s", [deployment.id]
        )
        assert listed(another, tenant) == [deployment.outline()]
        administrator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    (found,) = listed(another, tenant)
    assert found.predicted == "0xother"


def test_so_many_are_kept_and_the_least_used_go_first():
    kept = KeptOutlines(most=2)
    made = [a_deployment(_Nobody()) for _ in range(4)]
    keys = [(each.organisation, each.id) for each in made]
    for each in made[:2]:
        kept.put("1", each)
    assert kept.get(keys[0], "1") is made[0]
    kept.put("1", made[2])
    assert [kept.get(key, "1") for key in keys] == [made[0], None, made[2], None]
    # Another version is not what was asked for, and takes its place.
    assert kept.get(keys[0], "2") is None
    kept.put("2", made[0])
    kept.put("1", made[3])
    assert [kept.get(key, "1") for key in keys] == [None, None, None, made[3]]
    assert kept.get(keys[0], "2") is made[0]


def test_what_is_kept_is_one_organisations():
    """Whatever the version says: a table that was restored may have any."""
    kept, mine = KeptOutlines(), a_deployment(_Nobody())
    theirs = evolve(mine, organisation=UUID(int=3))
    kept.put("1", mine)
    assert kept.get((theirs.organisation, theirs.id), "1") is None
    kept.put("1", theirs)
    assert kept.get((mine.organisation, mine.id), "1") is mine


class _Nobody:
    organisation, account, network = UUID(int=1), UUID(int=2), "eip155:1"


def test_nothing_else_writes_what_belongs_to_an_operation():
    """Their statements go with one that writes the operation's row: `PostgresDeployments`."""
    writes = re.compile(
        r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO)\s+(?:public\.)?"
        r"(deployments|steps|slots|attempts)\b"
    )
    found = {
        (path.name, table)
        for folder in ("adapters", "application", "entrypoints", "domain")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".sql", ".py"}
        for table in writes.findall(path.read_text())
    }
    assert found == {
        ("operations.sql", table) for table in ("deployments", "steps", "slots", "attempts")
    }
