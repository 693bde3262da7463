"""Every invariant is broken in a real database, and found by its number; healthy ones are not."""

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve
from psycopg.conninfo import make_conninfo

import domain.books
from adapters.postgres import connect, open_books
from application.operator.verify_ledger import VerifyLedger
from domain.books import REMEDIES
from domain.books.promises import GiftsBetween
from domain.identifiers import Prefix, public_id
from domain.ledger import Capture, Clawback, Correct, GiftOut, Release, Source
from tests.adapters.postgres.bookkeeping import Bookkeeper
from tests.adapters.postgres.corruptions import (
    CORRUPTIONS,
    KEY,
    OF,
    SPENT_BY_A_KEY,
    licence_changed,
    quota,
)
from tests.contract.subjects.postgres import application_url, database
from tests.contract.tenants import NOW, a_tenant, at_once
from tests.strategies import examples

#: What is worth corrupting is also guarded by the database: here the guards are taken away first.
UNGUARDED = """
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT conrelid::regclass AS guarded, conname
          FROM pg_constraint
         WHERE contype IN ('c', 'f', 'u')
           AND connamespace = 'public'::regnamespace
           AND conparentid = 0
           AND coninhcount = 0
           AND conrelid::regclass::text
               IN ('wallets', 'lots', 'holds', 'hold_lots', 'journal', 'audit_events')
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', guard.guarded, guard.conname);
    END LOOP;
END
$$
"""


@pytest.fixture(scope="module")
def url(server_url):
    with database() as url:
        with psycopg.connect(url) as administrator:
            administrator.execute(UNGUARDED)
        yield url


@pytest.fixture(scope="module")
def verify(url):
    """As a role that may read what it names, and nothing else."""
    reader = make_conninfo(url, options="-c role=tallystick_readonly")
    return VerifyLedger(books=open_books(reader))


class Ledger:
    """An organisation to which everything has happened that can happen to credits."""

    def __init__(self, store, url):
        self.url = url
        self.keeper = keeper = Bookkeeper(store, a_tenant(store))
        self.organisation = keeper.tenant.organisation
        keeper.grant(10, Source.PLAN, days=30, fact="plan:1")
        keeper.grant(8, Source.PROMO, days=2, fact="promo:1")
        keeper.grant(20, Source.PACK, fact="pack:1", micros=39_500)
        self.member = keeper.tenant.member
        self.captured = keeper.hold(12, member=public_id(Prefix.MEMBER, self.member))
        keeper.do(Capture(id=self.captured, amount=11))
        self.stale = keeper.hold(4)
        self.released = keeper.hold(5)
        keeper.do(Release(id=self.released))
        self.leased = keeper.hold(3, lease=timedelta(hours=1))
        keeper.do(Capture(id=self.leased))
        keeper.do(Correct(id=self.captured, amount=2))
        self.expired = keeper.hold(2, lease=timedelta(minutes=1))
        keeper.wait(minutes=2)
        keeper.do(GiftOut(gift=self.organisation, amount=3))
        keeper.wait(days=3)
        keeper.do(Release(id=self.stale, is_ours=True))
        self.open = keeper.hold(6)
        keeper.do(Clawback(fact="pack:1", total=2))
        keeper.grant(1, Source.PACK, fact="pack:2")

    def corrupt(self, statements):
        """As a superuser, with every trigger asleep."""
        names = {name: value for name, value in vars(self).items() if name != "keeper"}
        with psycopg.connect(self.url) as administrator:
            administrator.execute("SET session_replication_role = replica")
            for statement in statements.split(";"):
                done = administrator.execute(statement, names)
                assert done.rowcount > 0, f"nothing was corrupted by {statement}"


@pytest.fixture(scope="module")
def store(url):
    store = connect(application_url(url), min_size=1, max_size=4)
    store.open()
    yield store
    store.close()


@pytest.fixture
def ledger(store, url):
    return Ledger(store, url)


def test_everything_that_can_happen_to_credits_breaks_nothing(verify, ledger):
    verdict = verify(ledger.organisation)
    assert list(verdict.findings) == []
    assert verdict.lines > 20


@pytest.mark.parametrize(
    ("invariant", "statements"),
    CORRUPTIONS,
    ids=[f"{invariant}-{number}" for number, (invariant, _) in enumerate(CORRUPTIONS)],
)
def test_a_corruption_is_found_by_its_number(verify, ledger, invariant, statements):
    ledger.corrupt(statements)
    verdict = verify(ledger.organisation)
    assert invariant in verdict.findings.counts, list(verdict.findings)
    for finding in verdict.findings:
        assert finding.remedy


def test_every_invariant_that_can_be_seen_at_rest_is_broken_here():
    broken = {invariant for invariant, _ in CORRUPTIONS}
    #: I8 and I11 are about answers, of which nothing is kept.
    assert broken == {f"I{number}" for number in range(1, 17)} - {"I8", "I11"}
    assert broken == set(REMEDIES)


def test_no_random_history_has_a_finding(store, verify):
    for seed in range(examples(8)):
        keeper = Bookkeeper(store, a_tenant(store))
        keeper.some_history(Random(seed), 60)
        verdict = verify(keeper.tenant.organisation)
        assert list(verdict.findings) == [], f"seed {seed}"


def test_threads_leave_no_finding_behind(store, verify):
    """The same holds, lots and clock for all: whatever came first, the books say so."""
    for seed in range(examples(2)):
        first = Bookkeeper(store, a_tenant(store))
        keepers = [evolve(first, refused=[]) for _ in range(4)]
        at_once(
            [
                partial(keeper.some_history, Random(10 * seed + number), 25)
                for number, keeper in enumerate(keepers)
            ]
        )
        verdict = verify(first.tenant.organisation)
        assert list(verdict.findings) == [], f"seed {seed}"
        assert verdict.lines > 30


def test_another_organisation_is_not_blamed(verify, store, ledger):
    other = Bookkeeper(store, a_tenant(store))
    other.grant(5)
    ledger.corrupt(f"UPDATE wallets SET available = available + 1 {OF}")
    assert not verify(other.tenant.organisation).findings


def test_all_organisations_are_walked_with_the_length_of_their_journals(verify, ledger):
    volumes = {each.organisation: each.lines for each in verify.books.volumes()}
    assert volumes[ledger.organisation] == verify(ledger.organisation).lines
    assert sorted(volumes) == list(volumes)


def test_what_is_told_is_bounded_and_the_rest_is_counted(verify, ledger):
    ledger.corrupt(f"UPDATE journal SET actor = 'worker:' {OF}")
    findings = verify(ledger.organisation).findings
    assert findings.counts["I13"] > len(list(findings)) == 20


def test_progress_is_told_line_by_line(verify, ledger):
    told = []
    verdict = verify(ledger.organisation, told.append)
    assert sum(told) == verdict.lines


def test_reading_waits_for_nobody_and_nobody_for_it(verify, ledger, store):
    """A command holds the wallet's lock while all is read, and another goes through meanwhile."""
    with verify.books.read(ledger.organisation) as opened:
        before = opened.wallet()
        ledger.keeper.grant(3)
        with store.begin(ledger.keeper.tenant.scope) as work:
            work.ledger.lock()
            assert opened.wallet() == before
            assert max(line.sequence for line in opened.lines()) == before.version


def test_the_reader_may_not_write(verify, ledger):
    with (
        verify.books.read(ledger.organisation) as opened,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        opened._connection.execute("CREATE TEMP TABLE mine ()")


def test_the_auditor_knows_nothing_of_the_decider():
    sources = [file.read_text() for file in Path(domain.books.__file__).parent.glob("*.py")]
    assert sources
    assert not [source for source in sources if "import domain.ledger" in source
                or "from domain.ledger" in source]  # fmt: skip


def test_a_quota_that_was_not_there_yet_or_is_not_exceeded_is_kept(verify, ledger):
    for statement in (
        quota("mem", "%(member)s", "day", 9),
        quota("mem", "%(member)s", "month", 1).replace("'2020-01-01'", "'2026-06-01 12:00'"),
    ):
        ledger.corrupt(statement)
    assert not verify(ledger.organisation).findings


def test_a_quota_that_is_kept_by_a_member_and_their_keys_is_kept(verify, ledger):
    ledger.corrupt(SPENT_BY_A_KEY)
    for kind, id, window in (
        ("mem", "%(member)s", "day"),
        ("key", f"'{KEY}'", "day"),
        ("key", f"'{KEY}'", "ever"),
    ):
        ledger.corrupt(quota(kind, id, window, 9))
    assert "I15" not in verify(ledger.organisation).findings.counts


def test_a_licence_that_changed_in_time_is_kept(verify, ledger):
    """What was taken before it, and of a class that stays on, is no finding."""
    ledger.corrupt(licence_changed("payment_failed", "'2026-05-01'"))
    assert not verify(ledger.organisation).findings


def test_a_gift_that_is_over_has_two_halves(store, url, verify):
    giver, receiver = (Bookkeeper(store, a_tenant(store)) for _ in range(2))
    giver.grant(5, Source.PACK)
    giver.do(GiftOut(gift=uuid4(), amount=5))
    ((id, _),) = giver.gifts
    names = {"gift": id, "giver": giver.tenant.organisation, "at": NOW,
             "receiver": receiver.tenant.organisation}  # fmt: skip
    delivered = "UPDATE gifts SET state = 'delivered', closed_at = %(at)s, other_id = %(receiver)s"
    with psycopg.connect(url) as administrator:
        administrator.execute(f"{delivered} WHERE id = %(gift)s", names)

    def findings(began):
        between = GiftsBetween(began)
        verdicts = [verify(each.tenant.organisation) for each in (giver, receiver)]
        for verdict in verdicts:
            between.note(verdict.organisation, verdict.gifts)
        between.finish({verdict.organisation: verdict.findings for verdict in verdicts})
        return [dict(verdict.findings.counts) for verdict in verdicts]

    assert findings(NOW + timedelta(days=1)) == [{"I4": 1}, {}]
    assert findings(NOW) == [{}, {}]  # It may have arrived after the receiver was read.
    name = public_id(Prefix.GIFT, id)
    receiver.grant(5, Source.GIFT, fact=f"gift:{name}:1")
    with psycopg.connect(url) as administrator:
        administrator.execute(
            "INSERT INTO gifts (organisation_id, id, direction, other_id, amount, state, sent_by,"
            " sent_at, closed_at) VALUES (%(receiver)s, %(gift)s, 'received', %(giver)s, 5,"
            " 'delivered', 'mem_1', %(at)s, %(at)s)",
            names,
        )
    assert findings(NOW + timedelta(days=1)) == [{}, {}]


def test_names_of_invariants_are_those_of_the_remedies():
    assert all(re.fullmatch(r"I\d+", name) for name in REMEDIES)
