"""A legal hold is placed while what it forbids is done: one of them is first, and both know it.

Of each pair one round is forced in each order, by whoever keeps both waiting at the lock; the
others are left to chance.  What is there when the hold is placed is there at the end.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import psycopg
import pytest

from adapters.postgres import connect, open_partitions, seal_store
from application.ports.storage.retention import PartitionHeldError
from application.ports.storage.work import Scope
from application.retention.holds import Placed
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, Prefix, public_id
from domain.retention import Month
from tests.adapters.postgres.test_retention import live, name_of, tables
from tests.application.test_erasing import REASON, Door, is_refused
from tests.contract.subjects.postgres import application_url, database, sealer_url
from tests.contract.tenants import a_tenant
from tests.retention_story import BEGIN, Story

FIRST = Month.of(BEGIN)
ROUNDS = 8
#: What `adapters/postgres/sql/retention.sql` calls it.
LOCK = "hashtextextended('tallystick legal holds', 0)"


@pytest.fixture(scope="module")
def place(server_url):
    """A database of its own: partitions are dropped in it."""
    with database() as url:
        store = connect(application_url(url), min_size=1, max_size=8)
        store.open()
        yield url, store
        store.close()


@pytest.fixture(scope="module")
def story(place):
    """So many months archived, and their archives sealed."""
    url, store = place
    story = Story(
        store=store,
        sealing=seal_store(sealer_url(url)),
        partitions=open_partitions(url),
        organisations=[a_tenant(store).organisation],
    )
    story.kept_months = 14
    live(story, ROUNDS + 2 + 14)
    for number in range(ROUNDS + 2):
        archived = story.archive(Month(FIRST.index + number))
        assert not isinstance(archived, Refusal), archived
    story.seal()
    return story


@contextmanager
def kept_waiting(url, *acts):
    """*acts* are begun one after the other while somebody has the lock; then it is let go."""
    with (
        ThreadPoolExecutor(len(acts)) as threads,
        psycopg.connect(url, autocommit=True) as administrator,
    ):
        administrator.execute(f"SELECT pg_advisory_lock({LOCK})")
        begun = []
        for number, act in enumerate(acts, start=1):
            begun.append(threads.submit(act))
            await_waiting(administrator, number)
        administrator.execute(f"SELECT pg_advisory_unlock({LOCK})")
        yield [each.result(timeout=30) for each in begun]


def await_waiting(administrator, how_many):
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        waiting = administrator.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
        if waiting == (how_many,):
            return
        time.sleep(0.01)
    raise AssertionError(f"there are not {how_many} waiting for the lock of holds")


def at_once(*acts):
    """By chance, each first now and then."""
    barrier = Barrier(len(acts))

    def run(act):
        barrier.wait(10)
        time.sleep(random.uniform(0, 0.01))
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result(timeout=60) for each in [threads.submit(run, act) for act in acts]]


def hold_of(story):
    placed = story.place(story.organisations[0], "a court asked for it")
    assert isinstance(placed, Placed)
    return placed


def lift(story, placed):
    story.lift(placed.hold.organisation, placed.hold.id, "it is over")


def next_month(story):
    """The first that is still in the database."""
    states = story.states()
    return next(m for n in range(99) if states[str(m := Month(FIRST.index + n))] == "archived")


def is_found(story, month):
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        return any(Month.of(event.at) == month for event in work.audit.all(limit=10_000))


def test_a_hold_that_is_first_keeps_the_month_in_the_database(story, place):
    url, _ = place
    month = next_month(story)
    with kept_waiting(url, lambda: hold_of(story), lambda: story.drop(month)) as (placed, outcome):
        is_refused(outcome, "legal_hold")
        assert placed.hold.name in outcome.detail
    assert is_found(story, month)
    assert story.states()[str(month)] == "archived"
    lift(story, placed)
    assert story.drop(month).state.value == "dropped"


def test_a_month_that_is_dropped_first_is_gone_when_the_hold_is_placed(story, place):
    url, _ = place
    month = next_month(story)
    seen = []

    def placing():
        placed = hold_of(story)
        seen.append(name_of(month) in tables(url))
        return placed

    with kept_waiting(url, lambda: story.drop(month), placing) as (outcome, placed):
        assert outcome.state.value == "dropped"
    assert seen == [False]
    # What has left the database is in the archive, and there the hold keeps it.
    is_refused(story.delete(month), "legal_hold")
    lift(story, placed)


def test_whoever_drops_looks_for_holds_once_more_when_the_month_is_set_aside(story):
    month = next_month(story)
    placed = hold_of(story)
    with pytest.raises(PartitionHeldError):
        story.partitions.drop(month, story.rows_of(str(month)))
    assert is_found(story, month)
    lift(story, placed)


def test_a_month_that_was_there_when_the_hold_was_placed_stays(story, place):
    url, _ = place
    outcomes = set()
    for _ in range(ROUNDS):
        month = next_month(story)

        def placing(month=month):
            placed = hold_of(story)
            return placed, name_of(month) in tables(url)

        def dropping(month=month):
            return story.drop(month)

        (placed, was_there), outcome = at_once(placing, dropping)
        if was_there:
            is_refused(outcome, "legal_hold")
        assert is_found(story, month) == was_there
        outcomes.add(was_there)
        lift(story, placed)
        story.put_back()
        story.drop(month)
        assert story.states()[str(month)] == "dropped"
    assert outcomes


def first_dropped(story):
    states = story.states()
    return next(m for n in range(99) if states[str(m := Month(FIRST.index + n))] == "dropped")


def files_of(story, month):
    return sorted(name for name in story.files.kept if name.startswith(f"{month}/"))


@pytest.fixture
def dropped(story):
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        # Of a test that did not get to its end.
        left = [hold for hold in work.legal_holds.all() if hold.is_placed]
    for hold in left:
        story.lift(hold.organisation, hold.id, "it is over")
    for month in [month for month, state in story.states().items() if state == "archived"]:
        story.drop(Month.parse(month))
    while not Month(FIRST.index + ROUNDS + 2).is_over_for(14, story.clock.now()):
        story.next_month()
    return story


def test_a_hold_that_is_first_keeps_the_archive(dropped, place):
    url, _ = place
    month = first_dropped(dropped)
    before = files_of(dropped, month)
    acts = (lambda: hold_of(dropped), lambda: dropped.delete(month))
    with kept_waiting(url, *acts) as (placed, outcome):
        is_refused(outcome, "legal_hold")
    assert placed.too_late_for == ()
    assert files_of(dropped, month) == before
    lift(dropped, placed)


def test_a_hold_that_comes_too_late_for_an_archive_says_so(dropped, place):
    _, store = place
    month = first_dropped(dropped)

    class Slow(type(dropped.files)):
        """Deleting takes until the hold is placed."""

        def remove(self, folder):
            self.placed = hold_of(dropped)
            super().remove(folder)

    files, dropped.files = dropped.files, Slow(kept=dropped.files.kept)
    assert dropped.delete(month).state.value == "deleted"
    placed, dropped.files = dropped.files.placed, files
    assert placed.too_late_for == (month,)
    with store.begin(Scope(organisation=placed.hold.organisation)) as work:
        (told,) = work.audit.of_subject(placed.hold.name)
    assert told.content()["details"]["too_late_for"] == [str(month)]
    lift(dropped, placed)


def test_what_is_left_of_a_deletion_that_died_is_kept_by_a_hold(dropped):
    month = first_dropped(dropped)

    class DyingError(Exception): ...

    class Dying(type(dropped.files)):
        def remove(self, folder):
            self.kept.pop(next(name for name in self.kept if name.startswith(f"{folder}/")))
            raise DyingError

    files, dropped.files = dropped.files, Dying(kept=dropped.files.kept)
    with pytest.raises(DyingError):
        dropped.delete(month)
    dropped.files = files
    left = files_of(dropped, month)
    placed = hold_of(dropped)
    assert placed.too_late_for == (month,)
    outcome = dropped.delete(month)
    is_refused(outcome, "legal_hold")
    assert "what is left of them stays" in outcome.detail
    assert files_of(dropped, month) == left
    lift(dropped, placed)
    assert dropped.delete(month).state.value == "deleted"
    assert files_of(dropped, month) == []


def test_an_archive_that_was_there_when_the_hold_was_placed_stays_or_the_hold_says_so(dropped):
    for _ in range(ROUNDS - 2):
        month = first_dropped(dropped)
        before = files_of(dropped, month)

        def placing(month=month):
            placed = hold_of(dropped)
            return placed, dropped.states()[str(month)], files_of(dropped, month)

        def deleting(month=month):
            return dropped.delete(month)

        (placed, state, seen), outcome = at_once(placing, deleting)
        if state == "dropped" and month not in placed.too_late_for:
            assert seen == before
            is_refused(outcome, "legal_hold")
            assert files_of(dropped, month) == before
        else:
            assert outcome.state.value == "deleted"
        lift(dropped, placed)
        dropped.delete(month)


@pytest.fixture(scope="module")
def door(place):
    return Door(place[1])


def key_is_there(url, user):
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT ciphertext IS NOT NULL FROM subject_keys WHERE user_id = %s", [user]
        ).fetchone()
    return row == (True,)


def test_a_hold_that_is_first_keeps_the_person(door, place):
    url, _ = place
    registered = door.register("first@example.org")
    user = registered.user.id
    acts = (
        lambda: door.place_hold(registered.organisation.id, "a court"),
        lambda: door.erase(user, REASON),
    )
    with kept_waiting(url, *acts) as (placed, outcome):
        is_refused(outcome, "legal_hold")
    assert placed.hold.name in outcome.detail
    assert key_is_there(url, user)
    assert not isinstance(door.log_in("first@example.org"), Refusal)


def test_a_person_that_is_erased_first_is_gone_when_the_hold_is_placed(door, place):
    url, _ = place
    registered = door.register("second@example.org")
    user = registered.user.id

    def placing():
        door.place_hold(registered.organisation.id, "a court")
        return key_is_there(url, user)

    with kept_waiting(url, lambda: door.erase(user, REASON), placing) as (done, was_there):
        assert not isinstance(done, Refusal)
    assert not was_there


@pytest.mark.parametrize("whose", ["theirs", "everybody's"])
def test_a_person_that_was_there_when_the_hold_was_placed_stays(door, place, whose):
    url, _ = place
    for number in range(ROUNDS):
        registered = door.register(f"{whose[0]}{number}@example.org")
        user = registered.user.id
        of = registered.organisation.id if whose == "theirs" else INSTALLATION

        def placing(of=of, user=user):
            subject = public_id(Prefix.USER, user)
            placed = door.place_hold(of, "a court", subject=subject)
            return placed, key_is_there(url, user)

        def erasing(user=user):
            return door.erase(user, REASON)

        (placed, was_there), outcome = at_once(placing, erasing)
        if was_there:
            is_refused(outcome, "legal_hold")
        assert key_is_there(url, user) == was_there
        door.lift_hold(of, placed.hold.id, "it is over")
