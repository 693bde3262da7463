"""The log of sealed events, in every store: what its writer promises, and what its readers see."""

import os
import time
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.memory.storage import MemoryStore
from application.ports.storage.seals import (
    Leaf,
    Log,
    SealerBusyError,
    SignedCheckpoint,
    Trouble,
    Unsealed,
)
from application.ports.storage.work import Scope
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.identifiers import KeyRef
from domain.merkle import Frontier
from domain.signing import Curve, PublicKey
from tests.contract.tenants import NOW, BoomError, a_tenant, an_event, at_once, die_after

KEY = PublicKey(Curve.ED25519, bytes(range(32)))


def a_log(number=1, **changes):
    log = Log(
        number=number,
        origin=f"example.com/audit/ins_1/{number}",
        key=KeyRef("memory:1"),
        public_key=KEY,
        cluster="this",
        opened_at=NOW,
    )
    return evolve(log, **changes)


def a_checkpoint(log, size, root=bytes(32)):
    checkpoint = Checkpoint(origin=log.origin, size=size, root=root)
    return SignedCheckpoint(checkpoint=checkpoint, note=f"{checkpoint.text}\n— x\n", signed_at=NOW)


def happened(trail, tenant, count):
    with trail.begin(tenant.scope) as work:
        return work.audit.append(*(an_event(tenant) for _ in range(count)))


def settled(session, log=1, seconds=30):
    """Waits for transactions of others on the same server, which hold the horizon back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = list(session.unsealed(log, batch=1_000, takes_restored=False))
        if sum(len(each) for each in found) == session.backlog(log).events:
            return
        time.sleep(0.01)
    pytest.fail("what was committed does not settle")


def waiting(session, log=1, batch=1_000):
    """What may be sealed, as one list."""
    settled(session, log)
    found = []
    for each in session.unsealed(log, batch=batch, takes_restored=False):
        assert not isinstance(each, Trouble), each
        assert 0 < len(each) <= batch
        found += each
    return found


def seal(session, log=1, batch=1_000):
    """Appends everything there is, as a sealer would, and gives the leaves."""
    settled(session, log)
    return seal_what_has_settled(session, log, batch)


def seal_what_has_settled(session, log=1, batch=1_000):
    frontier = Frontier.of(session.size(log), session.hashes(log))
    leaves = []
    for each in session.unsealed(log, batch=batch, takes_restored=False):
        assert not isinstance(each, Trouble), each
        added, frontier = seal_these(session, each, log)
        leaves += added
    return leaves, frontier


def seal_these(session, events, log=1):
    frontier = Frontier.of(session.size(log), session.hashes(log))
    added = [event.at(frontier.size + offset) for offset, event in enumerate(events)]
    frontier, nodes = frontier.appended(leaf.hash for leaf in added)
    session.append(log, added, nodes)
    return added, frontier


@pytest.fixture
def trail(sealed_store):
    return sealed_store[0]


@pytest.fixture
def seals(sealed_store):
    return sealed_store[1]


# What may be sealed.


def test_every_event_is_to_be_sealed_once_with_the_hash_of_its_leaf(trail, seals):
    one, other = a_tenant(trail), a_tenant(trail)
    events = [*happened(trail, one, 3), *happened(trail, other, 2), *happened(trail, one, 1)]
    with seals.session() as session:
        session.open_log(a_log())
        found = waiting(session)
    assert {each.organisation for each in found} == {one.organisation, other.organisation}
    assert sorted(found, key=lambda each: each.event) == [
        Unsealed(
            organisation=event.organisation,
            sequence=event.sequence,
            event=event.id,
            hash=sha256(b"\0" + event.leaf).digest(),
        )
        for event in sorted(events, key=lambda event: event.id)
    ]
    for tenant, count in ((one, 4), (other, 2)):
        mine = [each.sequence for each in found if each.organisation == tenant.organisation]
        assert mine == list(range(1, count + 1))


def test_what_came_later_is_sealed_later(trail, seals):
    tenants = [a_tenant(trail) for _ in range(3)]
    order = [0, 2, 1, 1, 0, 2, 2, 0]
    events = [happened(trail, tenants[number], 1)[0].id for number in order]
    with seals.session() as session:
        session.open_log(a_log())
        assert [each.event for each in waiting(session, batch=3)] == events


def test_batches_are_what_was_asked_for_and_nothing_is_left_after_them(trail, seals):
    tenant = a_tenant(trail)
    happened(trail, tenant, 7)
    with seals.session() as session:
        session.open_log(a_log())
        settled(session)
        assert session.backlog(1).events == 7
        assert session.backlog(1).since == NOW
        sizes = [len(each) for each in session.unsealed(1, batch=3, takes_restored=False)]
        assert sizes == [3, 3, 1]
        with trail.begin(Scope()) as work:
            assert (work.seals.size(1), work.seals.backlog(1)) == (0, session.backlog(1))
        leaves, _ = seal(session, batch=3)
        assert len(leaves) == 7
        with trail.begin(Scope()) as work:
            assert (work.seals.size(1), work.seals.backlog(1)) == (7, session.backlog(1))
        assert waiting(session) == []
        assert (session.backlog(1).events, session.backlog(1).since) == (0, None)
        happened(trail, tenant, 1)
        assert [each.sequence for each in waiting(session)] == [8]


def test_what_was_undone_is_never_sealed(trail, seals):
    tenant = a_tenant(trail)
    with pytest.raises(BoomError):
        die_after(trail, tenant.scope, lambda work: work.audit.append(an_event(tenant)))
    with seals.session() as session:
        session.open_log(a_log())
        assert waiting(session) == []


def test_the_horizon_moves_when_something_was_committed(trail, seals):
    tenant = a_tenant(trail)
    with seals.session() as session:
        before = session.horizon()
        assert session.horizon() >= before
        happened(trail, tenant, 1)
        deadline = time.monotonic() + 30
        while session.horizon() == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert session.horizon() > before


def test_the_cluster_has_a_name(seals):
    with seals.session() as session:
        assert session.cluster()
        assert session.cluster() == session.cluster()


# Leaves and nodes.


@pytest.mark.parametrize("batch", [1, 7, 100, 300])
def test_the_nodes_that_were_appended_are_read_by_both_sides(trail, seals, batch):
    tenant = a_tenant(trail)
    happened(trail, tenant, 600)
    with seals.session() as session:
        session.open_log(a_log())
        leaves, frontier = seal(session, batch=batch)
        assert session.size(1) == 600
        with trail.begin(Scope()) as work:
            assert work.seals.size(1) == 600
        written = session.hashes(1)
        with trail.begin(tenant.scope) as work:
            read = work.seals.hashes(1)
            for hashes in (written, read):
                assert [hashes(0, leaf.position) for leaf in leaves] == [
                    leaf.hash for leaf in leaves
                ]
                assert Frontier.of(600, hashes) == frontier
                for level, index in ((0, 600), (3, 75), (9, 1), (10, 0), (40, 0)):
                    with pytest.raises(MisuseError):
                        hashes(level, index)
                assert hashes(9, 0) == _root([leaf.hash for leaf in leaves[:512]])
                assert hashes(5, 3) == _root([leaf.hash for leaf in leaves[96:128]])


def test_an_event_finds_its_leaf_in_its_own_organisation_only(trail, seals):
    one, other = a_tenant(trail), a_tenant(trail)
    events = happened(trail, one, 3)
    happened(trail, other, 1)
    with seals.session() as session:
        session.open_log(a_log())
        leaves, _ = seal(session)
        last = session.sealed_through(1, [one.organisation, other.organisation])
    assert last == {one.organisation: 3, other.organisation: 1}
    mine = [leaf for leaf in leaves if leaf.organisation == one.organisation]
    with trail.begin(one.scope) as work:
        assert [work.seals.leaf(1, event.sequence) for event in events] == mine
        assert work.seals.leaf(1, 4) is None
        assert work.seals.leaf(2, 1) is None
        assert work.seals.leaves(1, limit=10) == mine
        assert work.seals.leaves(1, after=1, limit=1) == mine[1:2]
    with trail.begin(other.scope) as work:
        assert work.seals.leaf(1, 2) is None
        assert [leaf.organisation for leaf in work.seals.leaves(1, limit=9)] == [
            other.organisation
        ]
    with trail.begin(Scope()) as work:
        assert work.seals.leaves(1, limit=9) == []
        assert work.seals.leaf(1, 1) is None


def test_leaves_follow_one_another_and_an_event_has_one(trail, seals):
    tenant = a_tenant(trail)
    happened(trail, tenant, 4)
    with seals.session() as session:
        session.open_log(a_log())
        found = waiting(session)
        first, nodes = Frontier().appended([found[0].hash, found[1].hash])
        wrong = [
            [found[0].at(1)],
            [found[0].at(0), found[1].at(2)],
            [found[0].at(0), found[0].at(1)],
        ]
        for leaves in wrong:
            with pytest.raises(MisuseError):
                session.append(1, leaves, nodes)
        assert session.size(1) == 0
        session.append(1, [found[0].at(0), found[1].at(1)], nodes)
        again = [found[1].at(2)]
        with pytest.raises(MisuseError):
            session.append(1, again, first.appended([found[1].hash])[1])
        assert session.size(1) == 2
        assert waiting(session) == found[2:]


# Checkpoints and logs.


def test_checkpoints_are_published_once_and_found_by_size(trail, seals):
    log = a_log()
    signed = [a_checkpoint(log, size, root=bytes([size] * 32)) for size in (0, 3, 5, 9)]
    with seals.session() as session:
        session.open_log(log)
        assert session.latest(1) is None
        for each in [*signed, signed[1]]:
            session.publish(1, each)
        session.publish(1, evolve(signed[2], signed_at=NOW + timedelta(seconds=1)))
        with pytest.raises(MisuseError):
            session.publish(1, a_checkpoint(log, 5))
        assert session.latest(1) == signed[-1]
    with trail.begin(Scope()) as work:
        assert work.seals.latest(1) == signed[-1]
        assert work.seals.latest(2) is None
        assert work.seals.checkpoint(1, 5) == signed[2]
        assert work.seals.checkpoint(1, 0) == signed[0]
        assert work.seals.checkpoint(1, 4) is None
        assert work.seals.covering(1, 2) == signed[1]
        assert work.seals.covering(1, 3) == signed[2]
        assert work.seals.covering(1, 9) is None
        assert work.seals.checkpoints(1, limit=2) == signed[:2]
        assert work.seals.checkpoints(1, after=3, limit=9) == signed[2:]


def test_one_log_is_open_and_a_number_is_used_once(trail, seals):
    first, second = a_log(1, cluster=None), a_log(2)
    with seals.session() as session:
        session.open_log(first)
        for wrong in (second, first):
            with pytest.raises(MisuseError):
                session.open_log(wrong)
        session.settle(1, "that")
        assert session.logs() == [evolve(first, cluster="that")]
        session.close_log(1, NOW, "restored")
        with pytest.raises(MisuseError):
            session.close_log(1, NOW, "again")
        with pytest.raises(MisuseError):
            session.open_log(evolve(second, origin=first.origin))
        session.open_log(second)
    with trail.begin(Scope()) as work:
        assert work.seals.logs() == [
            evolve(first, cluster="that").closed(NOW, "restored"),
            second,
        ]
        assert [log.is_open for log in work.seals.logs()] == [False, True]


def test_a_new_log_takes_every_event_again(trail, seals):
    tenant = a_tenant(trail)
    happened(trail, tenant, 3)
    with seals.session() as session:
        session.open_log(a_log(1))
        old, _ = seal(session)
        session.close_log(1, NOW, "restored")
        session.open_log(a_log(2))
        happened(trail, tenant, 1)
        new, _ = seal(session, log=2)
    assert [leaf.sequence for leaf in new] == [1, 2, 3, 4]
    assert [leaf.hash for leaf in new[:3]] == [leaf.hash for leaf in old]


# What is not sealed.


def test_of_an_organisation_with_a_gap_what_is_before_it_is_to_be_sealed(trail, seals):
    whole, broken = a_tenant(trail), a_tenant(trail)
    happened(trail, broken, 5)
    happened(trail, whole, 2)
    trail_without(trail, broken, 4)
    with seals.session() as session:
        session.open_log(a_log())
        deadline = time.monotonic() + 30
        while True:
            troubles, *batches = session.unsealed(1, batch=100, takes_restored=False)
            found = [event for batch in batches for event in batch]
            if len(found) == 5 or time.monotonic() > deadline:
                break
    assert troubles == Trouble(kind="missing", organisation=broken.organisation, sequence=4)
    for tenant, numbers in ((whole, [1, 2]), (broken, [1, 2, 3])):
        mine = [each.sequence for each in found if each.organisation == tenant.organisation]
        assert mine == numbers


def trail_without(trail, tenant, sequence):
    """Somebody reaches past every adapter, and takes an event away."""
    if isinstance(trail, MemoryStore):
        del trail._audit.events.rows[tenant.organisation, sequence]
        return
    reach_past(
        trail,
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = %s",
        [tenant.organisation, sequence],
    )


def head_moved(trail, tenant, sequence):
    """Somebody reaches past every adapter, and says which number was given last."""
    if isinstance(trail, MemoryStore):
        trail._audit.heads.rows[tenant.organisation] = sequence
        return
    reach_past(
        trail,
        "UPDATE audit_heads SET sequence = %s WHERE organisation_id = %s",
        [sequence, tenant.organisation],
    )


def reach_past(trail, statement, parameters):
    url = make_conninfo(
        os.environ["TEST_DATABASE_URL"], dbname=conninfo_to_dict(trail._pool.conninfo)["dbname"]
    )
    with psycopg.connect(url) as administrator:
        administrator.execute(statement, parameters)


def test_an_organisation_whose_head_was_set_back_is_told_of_and_waits(trail, seals):
    whole, broken = a_tenant(trail), a_tenant(trail)
    happened(trail, broken, 5)
    with seals.session() as session:
        session.open_log(a_log())
        seal(session)
        head_moved(trail, broken, 2)
        happened(trail, whole, 2)
        told = Trouble(kind="beyond_head", organisation=broken.organisation, sequence=3)
        assert next(iter(session.unsealed(1, batch=9, takes_restored=False))) == told
        deadline = time.monotonic() + 30
        while session.size(1) < 7 and time.monotonic() < deadline:
            for found in session.unsealed(1, batch=9, takes_restored=False):
                if not isinstance(found, Trouble):
                    seal_these(session, found)
        assert session.sealed_through(1, [whole.organisation, broken.organisation]) == {
            whole.organisation: 2,
            broken.organisation: 5,
        }
        assert session.backlog(1).events == 1
        with trail.begin(Scope()) as work:
            assert work.seals.backlog(1) == session.backlog(1)
        head_moved(trail, broken, 5)
        assert waiting(session) == []


def test_where_nothing_but_troubles_is_found_there_is_no_batch(trail, seals):
    broken = a_tenant(trail)
    with seals.session() as session:
        session.open_log(a_log())
        head_moved(trail, broken, 3)
        (told,) = session.unsealed(1, batch=1, takes_restored=False)
    assert told == Trouble(kind="missing", organisation=broken.organisation, sequence=1)


def test_a_new_log_takes_what_is_gone_from_the_newest_log_that_has_it(trail, seals):
    tenant = a_tenant(trail)
    happened(trail, tenant, 3)
    with seals.session() as session:
        session.open_log(a_log(1))
        first, _ = seal(session)
        session.close_log(1, NOW, "a key that is lost")
        # In which nothing was ever sealed.
        session.open_log(a_log(2))
        session.close_log(2, NOW, "another one")
        session.open_log(a_log(3))
        trail_without(trail, tenant, 1)
        trail_without(trail, tenant, 2)
        happened(trail, tenant, 1)
        newest, _ = seal(session, log=3)
    assert [leaf.sequence for leaf in newest] == [1, 2, 3, 4]
    assert [leaf.hash for leaf in newest[:3]] == [leaf.hash for leaf in first]


# One at a time.


def test_there_is_one_sealer(seals):
    with seals.session(), pytest.raises(SealerBusyError), seals.session():
        pass
    with seals.session():
        pass


def test_of_many_sealers_at_once_each_leaf_is_written_by_one(trail, seals):
    tenants = [a_tenant(trail) for _ in range(3)]

    def write():
        for number in range(20):
            happened(trail, tenants[number % 3], 2)

    def work():
        done = 0
        for _ in range(40):
            try:
                with seals.session() as session:
                    done += len(seal_what_has_settled(session, batch=4)[0])
            except SealerBusyError:
                continue
        return done

    with seals.session() as session:
        session.open_log(a_log())
    done = at_once([write, write, work, work, work])
    with seals.session() as session:
        rest, frontier = seal(session)
        assert frontier == Frontier.of(80, session.hashes(1))
    assert sum(done[2:]) + len(rest) == 80
    for tenant in tenants:
        with trail.begin(tenant.scope) as work:
            mine = work.seals.leaves(1, limit=500)
        assert [leaf.sequence for leaf in mine] == list(range(1, len(mine) + 1))
        positions = [leaf.position for leaf in mine]
        assert positions == sorted(positions)


def _root(hashes):
    """By the definition, for a power of two."""
    while len(hashes) > 1:
        hashes = [
            sha256(b"\1" + left + right).digest()
            for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


def test_a_leaf_knows_its_event():
    event, organisation = uuid4(), uuid4()
    unsealed = Unsealed(organisation=organisation, sequence=3, event=event, hash=bytes(32))
    assert unsealed.at(7) == Leaf(
        organisation=organisation, sequence=3, event=event, hash=bytes(32), position=7
    )
