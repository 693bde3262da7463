"""What `tallystick doctor` says of nodes: each is asked alone, and every problem has a remedy."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from attrs import evolve
from click.testing import CliRunner

from adapters.memory.chain import NO_HISTORY, UNAVAILABLE, MemoryChain, a_network
from adapters.memory.chain.node import Node
from adapters.memory.storage import MemoryStore
from adapters.pool.pool import BEHIND_BLOCKS as BEHIND_BY_THE_POOL
from application.audit.watch import WatchSeals
from application.ports.nodes import Endpoint
from application.ports.storage.seals import Log
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.catalogue import TariffName
from domain.identifiers import KeyRef
from domain.network import Family, NetworkClass
from domain.operation import Signer
from domain.signing import Curve, PublicKey
from entrypoints import assembly, diagnosis, readiness
from entrypoints.commands import doctor
from entrypoints.diagnosis import Examination, Grade
from entrypoints.main import main
from tests.application.house import House
from tests.catalogue import AI

NETWORK = a_network()
HEIGHT = 50


@pytest.fixture
def world():
    """One chain that all nodes show."""
    world = MemoryChain()
    world.mine(HEIGHT)
    return world


@pytest.fixture
def examine(world):
    """What is said of *network* behind *windows*, each a chain and whether it is archival."""

    def examining(*windows, **changes):
        network = evolve(NETWORK, **changes)
        nodes = [
            (Endpoint(url=f"http://n{number}.example/KEY", archival=archival), window)
            for number, (window, archival) in enumerate(windows, 1)
        ]
        findings = list(Examination.of(network, nodes).findings())
        assert not any("KEY" in str(finding) for finding in findings)
        assert all(finding.remedy for finding in findings if finding.grade is Grade.FAILED)
        return findings

    return examining


@pytest.fixture
def window(world):
    def opening(**changes):
        return MemoryChain(node=world.node, **changes), False

    return opening


def graded(findings, grade):
    return [finding for finding in findings if finding.grade is grade]


def only(findings, grade):
    (finding,) = graded(findings, grade)
    return finding


def test_what_is_well_is_said_node_by_node(examine, window):
    findings = examine(window(), window(), min_sources=2)
    assert {finding.grade for finding in findings} == {Grade.OK}
    assert [finding.what for finding in findings] == [
        "network memory:1: node 1 (n1.example), at block 50",
        "network memory:1: node 2 (n2.example), at block 50",
        "network memory:1: 2 of 2 nodes are well",
    ]


def test_a_node_of_another_chain_fails_and_is_named(examine, window):
    findings = examine(window(), window(is_wrong=True), window(), min_sources=2)
    failed = only(findings, Grade.FAILED)
    assert failed.what == "network memory:1: node 2 (n2.example)"
    assert "another chain" in failed.problem
    assert "take it out" in failed.remedy


def test_a_silent_node_is_a_warning_while_enough_are_left(examine, window):
    findings = examine(window(), window(is_down=True), window(), min_sources=2)
    warned = only(findings, Grade.WARNING)
    assert warned.what == "network memory:1: node 2 (n2.example)"
    assert warned.problem.startswith("does not answer: ")
    assert not graded(findings, Grade.FAILED)


@pytest.mark.parametrize("sick", [{"is_down": True}, {"lag": 6}, {"is_wrong": True}])
def test_too_few_that_are_well_fail(examine, window, sick):
    findings = examine(window(), window(**sick), min_sources=2)
    failed = graded(findings, Grade.FAILED)[-1]
    assert failed.what == "network memory:1: 1 of 2 nodes are well"
    assert failed.problem == "fewer than min_sources, 2"


def test_nobody_answers(examine, window):
    findings = examine(window(is_down=True))
    assert only(findings, Grade.FAILED).what == "network memory:1: 0 of 1 nodes are well"


@pytest.mark.parametrize(("lag", "grade"), [(5, Grade.OK), (6, Grade.WARNING)])
def test_a_node_may_be_a_little_behind(examine, window, lag, grade):
    findings = examine(window(), window(lag=lag))
    assert findings[1].grade is grade
    if grade is Grade.WARNING:
        assert findings[1].problem == "is 6 blocks behind, at block 44"


def test_behind_is_what_the_pool_calls_behind():
    assert diagnosis.BEHIND_BLOCKS == BEHIND_BY_THE_POOL


def test_one_source_on_a_live_network_is_a_warning(examine, window):
    warned = only(examine(window(), network_class=NetworkClass.LIVE), Grade.WARNING)
    assert "one node alone is believed" in warned.problem
    assert "min_sources = 2" in warned.remedy


@pytest.mark.parametrize("network_class", [NetworkClass.DEVELOPMENT, NetworkClass.TEST])
def test_one_source_elsewhere_is_well(examine, window, network_class):
    assert not graded(examine(window(), network_class=network_class), Grade.WARNING)


def test_two_sources_on_a_live_network_are_well(examine, window):
    findings = examine(window(), window(), network_class=NetworkClass.LIVE, min_sources=2)
    assert not graded(findings, Grade.WARNING)


class TestAnArchive:
    def test_is_missed_on_algorand(self, examine, window):
        warned = only(examine(window(), family=Family.ALGORAND), Grade.WARNING)
        assert "no node is marked archival" in warned.problem
        assert "archival = true" in warned.remedy

    def test_is_not_missed_elsewhere(self, examine, window):
        assert not graded(examine(window()), Grade.WARNING)

    def test_that_has_block_one_is_well(self, examine, window):
        (archive, _) = window()
        findings = examine((archive, True), family=Family.ALGORAND)
        assert {finding.grade for finding in findings} == {Grade.OK}
        assert any("has all blocks" in finding.what for finding in findings)

    @pytest.mark.parametrize("how", ["none", "no history"])
    def test_without_block_one_fails(self, examine, window, how):
        (archive, _) = window()
        if how == "none":
            archive = Pruned(archive)
        else:
            archive.misbehave("block_at", NO_HISTORY)
        failed = only(examine((archive, True), window(), family=Family.ALGORAND), Grade.FAILED)
        assert failed.what == "network memory:1: node 1 (n1.example) has all blocks"
        assert "no block 1" in failed.problem

    def test_that_cannot_be_asked_proves_nothing(self, examine, window):
        (archive, _) = window()
        archive.misbehave("block_at", UNAVAILABLE)
        warned = only(examine((archive, True), window()), Grade.WARNING)
        assert "could not be asked" in warned.problem

    def test_of_a_chain_that_has_just_begun_has_nothing_to_show(self, examine):
        findings = examine((MemoryChain(node=Node()), True), family=Family.ALGORAND)
        assert not graded(findings, Grade.FAILED)


class Pruned:
    """Has a head, and no old blocks."""

    def __init__(self, chain):
        self.chain = chain

    def head(self):
        return self.chain.head()

    def block_at(self, number):
        return self.chain.block_at(number) if number > 40 else None


def test_the_best_node_pays(window):
    nodes = [(Endpoint(url=f"http://n{i}"), window(lag=lag)[0]) for i, lag in enumerate((9, 3, 0))]
    assert Examination.of(NETWORK, nodes).usable is nodes[2][1]
    nodes = [(Endpoint(url="http://n"), window(is_down=True)[0])]
    assert Examination.of(NETWORK, nodes).usable is None


CONFIGURATION = """
[installation]
id = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
environment = "development"
[database]
url = "postgresql://nobody:database-password@127.0.0.1:9/nothing"
[local_keys]
master_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
[networks."eip155:8453"]
nodes = ["http://one.example/KEY", "http://two.example/KEY"]
[networks."eip155:84532"]
nodes = ["http://three.example/KEY"]
min_sources = 1
"""


class TestTheCommand:
    @pytest.fixture
    def run(self, tmp_path, monkeypatch, window):
        """The command over chains in memory, and a database that does not answer."""
        told_of = {"one": window(), "two": window(is_wrong=True), "three": window()}

        def connect(network, endpoint, installation, document_url):
            return told_of[endpoint.name.partition(".")[0]][0]

        real = assembly.adapter
        silent = SimpleNamespace(open=lambda: None, close=lambda: None)
        stand_ins = {"evm": SimpleNamespace(connect=connect)}
        monkeypatch.setattr(assembly, "adapter", lambda name: stand_ins.get(name) or real(name))
        monkeypatch.setattr(assembly, "store", lambda settings: silent)
        path = "entrypoints.commands.doctor.database_problem"
        monkeypatch.setattr(path, lambda container: "does not answer")
        (tmp_path / "tallystick.toml").write_text(CONFIGURATION)

        def running(*options):
            config = str(tmp_path / "tallystick.toml")
            done = CliRunner().invoke(main, ["--config", config, "doctor", *options])
            assert "KEY" not in done.output
            assert "database-password" not in done.output
            return done

        return running

    def test_tells_a_person(self, run):
        done = run()
        assert done.exit_code == 1
        lines = done.stdout.splitlines()
        assert "ok    network eip155:8453: node 1 (one.example), at block 50" in lines
        at = lines.index(next(line for line in lines if "(two.example)" in line))
        assert lines[at].startswith("FAIL  network eip155:8453: node 2 (two.example): ")
        assert lines[at + 1].startswith("      take it out of nodes")
        assert "ok    network eip155:84532: 1 of 1 nodes are well" in lines

    def test_tells_a_program(self, run):
        done = run("--json")
        assert done.exit_code == 1
        findings = json.loads(done.stdout)
        assert all(set(each) == {"what", "grade", "problem", "remedy"} for each in findings)
        failed = [each["what"] for each in findings if each["grade"] == "failed"]
        assert failed == [
            "database",
            "network eip155:8453: node 2 (two.example)",
            "network eip155:8453: 1 of 2 nodes are well",
        ]
        assert all(each["remedy"] for each in findings if each["grade"] == "failed")


def test_issuing_accounts_are_told_where_they_stand_still():
    store, halted = MemoryStore(), "nonce 3 of 0xB was used by somebody else"
    key = PublicKey(Curve.SECP256K1, bytes(64))
    with store.begin(Scope.installation()) as work:
        work.networks.register(NETWORK)
        for address, is_treasury, why in (
            ("0xA", True, None),
            ("0xB", False, halted),
            ("0xC", False, None),
        ):
            signer = Signer(
                network=NETWORK.id,
                address=address,
                key=KeyRef("memory:1"),
                public_key=key,
                next_sequence=0,
                is_treasury=is_treasury,
                halted=why,
            )
            work.signers.add(signer)
    container = SimpleNamespace(store=lambda: store)
    findings = list(doctor._account(container, NETWORK, None))
    told = [finding for finding in findings if finding.problem]
    assert [(each.what, each.problem) for each in told] == [
        ("network memory:1: issuing account 0xB", halted)
    ]
    assert "treasury resume" in told[0].remedy
    assert not any("0xC" in str(finding) for finding in findings)


def apart(seconds, takes=0):
    """A machine whose clock is so far ahead of a database's that takes so long to answer."""
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    machine = iter([noon, noon + timedelta(seconds=takes)])
    return SimpleNamespace(
        machine_clock=lambda: SimpleNamespace(now=lambda: next(machine)),
        store=lambda: SimpleNamespace(instant=lambda: noon - timedelta(seconds=seconds)),
    )


@pytest.mark.parametrize(
    ("container", "problem"),
    [
        (apart(0), None),
        (apart(5), None),
        (apart(-5), None),
        (apart(-60, takes=60), None),
        (apart(5.5), "is 0:00:05.500000 ahead of the database's"),
        (apart(3600), "is 1:00:00 ahead of the database's"),
        (apart(-3600, takes=60), "is 0:59:00 behind the database's"),
    ],
)
def test_a_clock_is_compared_with_the_databases(container, problem):
    found = doctor.clock(container)
    assert found.problem == problem
    assert found.grade is (Grade.OK if problem is None else Grade.FAILED)
    assert "NTP" in found.remedy


def test_serve_and_work_tell_of_their_clock_when_they_start(caplog):
    readiness.tell_of_clock(apart(3600))
    readiness.tell_of_clock(apart(0))
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    said = record.getMessage()
    assert said.startswith("this machine's clock is 1:00:00 ahead of the database's")


@pytest.fixture
def sold_out():
    """A house with one organisation on a tariff that its catalogue does not have."""
    house = House()
    with house.store.begin(house.scope) as work:
        work.organisations.set_tariff(TariffName("gold"))
    return SimpleNamespace(
        store=lambda: house.store, settings=lambda: SimpleNamespace(catalogue=house.catalogue)
    )


def test_a_tariff_that_is_not_sold_any_more_is_told(sold_out):
    well, missing = doctor._tariffs(sold_out)
    assert (well.what, well.grade) == ("catalogue tokens", Grade.OK)
    assert (missing.what, missing.grade) == ("catalogue tokens: tariff gold", Grade.FAILED)
    assert missing.problem == "1 organisations are on it, and the catalogue does not have it"
    assert "tallystick tariff set" in missing.remedy


def test_serve_and_work_tell_it_when_they_start(sold_out, caplog):
    readiness.tell_of_tariffs(sold_out)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("tariff gold: 1 organisations are on it")


def test_a_database_that_falls_silent_keeps_nobody_from_starting(sold_out, caplog):
    def silent():
        raise StoreUnavailableError("gone")

    sold_out.store = silent
    readiness.tell_of_tariffs(sold_out)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_installations_own_tariff_is_nobodys_business():
    house = House()
    container = SimpleNamespace(
        store=lambda: house.store,
        settings=lambda: SimpleNamespace(catalogue=AI),
    )
    assert readiness.tariffs_not_sold(container) == {"free": 1}


class TestSealing:
    @pytest.fixture
    def place(self, tmp_path):
        """A house in memory, and where its sealer keeps its state."""
        house = House()
        seal = SimpleNamespace(state_file=tmp_path / "sealer.json")
        watch = WatchSeals(store=house.store, alarms=house.alarms, clock=house.clock)
        return SimpleNamespace(
            house=house,
            clock=lambda: house.clock,
            watch_seals=lambda: watch,
            settings=lambda: SimpleNamespace(seal=seal),
            seal=seal,
        )

    def opened(self, place):
        log = Log(
            number=1,
            origin="example.com/audit/ins_1/1",
            key=KeyRef("memory:1"),
            public_key=PublicKey(Curve.ED25519, bytes(32)),
            cluster="memory",
            opened_at=place.house.clock.now(),
        )
        with place.house.store.seal_store().session() as session:
            session.open_log(log)

    def test_is_missed(self, place):
        missed, state = doctor._sealing(place)
        assert (missed.what, missed.grade) == ("sealing", Grade.WARNING)
        assert "tallystick seal open" in missed.remedy
        assert state.grade is Grade.OK

    def test_that_keeps_up_is_well(self, place):
        self.opened(place)
        sealing, _ = doctor._sealing(place)
        assert sealing.grade is Grade.OK
        assert sealing.what == "sealing: 0 events signed for in example.com/audit/ins_1/1"

    def test_that_falls_behind_is_told(self, place):
        self.opened(place)
        place.house.clock.advance(timedelta(minutes=11))
        sealing, _ = doctor._sealing(place)
        assert sealing.grade is Grade.WARNING
        assert "events are not sealed, the oldest since" in sealing.problem

    def test_needs_a_folder_for_its_state(self, place):
        place.seal.state_file = place.seal.state_file / "nowhere" / "sealer.json"
        _, state = doctor._sealing(place)
        assert state.grade is Grade.FAILED
        assert "there is no folder" in state.problem
