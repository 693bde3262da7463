"""Sealing in memory: any history of events, rounds and deaths leaves one log without a gap.

The oracle is a list of leaf hashes and the definition of the root in RFC 6962, 2.1.
"""

import warnings
from contextlib import contextmanager, suppress
from hashlib import sha256

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.seal_state import MemorySealState
from adapters.memory.signatures import MemoryVerification
from adapters.memory.storage import MemoryStore
from application.audit.logs import OpenLog
from application.audit.seal import Round, Seal
from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, InstallationId
from domain.merkle import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from tests.contract.tenants import a_tenant, an_event
from tests.strategies import examples


class DiesError(Exception):
    """The process ends here."""


@define
class Death:
    """Ends the process before or after the n-th call that leaves a trace somewhere."""

    left: int
    after: bool

    def struck(self, act):
        def call(*arguments, **named):
            self.left -= 1
            if self.left == 0 and not self.after:
                raise DiesError
            done = act(*arguments, **named)
            if self.left == 0:
                raise DiesError
            return done

        return call


@define
class Mortal:
    part: object
    death: Death
    methods: tuple[str, ...]

    def __getattr__(self, name):
        found = getattr(self.part, name)
        return self.death.struck(found) if name in self.methods else found

    @contextmanager
    def session(self):
        with self.part.session() as session:
            yield Mortal(session, self.death, self.methods)


@define
class Place:
    store: MemoryStore = field(factory=MemoryStore)
    state: MemorySealState = field(factory=MemorySealState)
    custodian: MemoryCustodian = field(init=False)
    alarms: MemoryAlarms = field(factory=MemoryAlarms)
    clock: MemoryClock = field(factory=MemoryClock)
    tenants: list = field(init=False)

    def __attrs_post_init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentOnlyWarning)
            self.custodian = MemoryCustodian()
        self.tenants = [a_tenant(self.store) for _ in range(3)]
        opened = OpenLog(
            store=self.store,
            seals=self.store.seal_store(),
            state=self.state,
            custodians={"memory": self.custodian},
            custodian="memory",
            key=None,
            installation=InstallationId(INSTALLATION),
            host="example.com",
            clock=self.clock,
            identifiers=MemoryIdentifiers(self.clock),
        )("to begin")
        assert not isinstance(opened, Refusal)

    def happen(self, tenant, count):
        scope = self.tenants[tenant].scope
        with self.store.begin(scope) as work:
            work.audit.append(*(an_event(self.tenants[tenant]) for _ in range(count)))

    def round(self, batch=5_000, death=None):
        seals, state, custodian = self.store.seal_store(), self.state, self.custodian
        if death is not None:
            seals = Mortal(seals, death, ("append", "publish"))
            state = Mortal(state, death, ("write",))
            custodian = Mortal(custodian, death, ("sign",))
        seal = Seal(
            seals=seals,
            state=state,
            custodians={"memory": custodian},
            verifies=MemoryVerification(),
            alarms=self.alarms,
            clock=self.clock,
            batch=batch,
        )
        with seal.session() as sealer:
            return sealer()

    def hashes(self):
        """By position, from the events' own bytes."""
        found = {}
        for scope in (Scope.installation(), *(tenant.scope for tenant in self.tenants)):
            with self.store.begin(scope) as work:
                for leaf in work.seals.leaves(1, limit=10_000):
                    event = work.audit.get(leaf.event)
                    assert event.sequence == leaf.sequence
                    found[leaf.position] = sha256(b"\0" + event.leaf).digest()
        assert sorted(found) == list(range(len(found)))
        return [found[position] for position in range(len(found))]

    def events(self):
        return len(self.store._audit.events.rows)

    def checkpoints(self):
        with self.store.begin(Scope()) as work:
            return [signed.checkpoint for signed in work.seals.checkpoints(1, limit=10_000)]


def root_of(hashes):
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return sha256(b"\1" + root_of(hashes[:middle]) + root_of(hashes[middle:])).digest()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.integers(0, 2), st.integers(1, 9)),
        st.tuples(st.just("round"), st.integers(1, 7)),
        st.tuples(st.just("die"), st.integers(1, 7), st.integers(1, 6), st.booleans()),
    ),
    max_size=25,
)


@pytest.mark.filterwarnings("ignore:keys are held in memory")
@settings(max_examples=examples(60))
@given(steps=steps)
def test_after_any_history_there_is_one_log_without_a_gap(steps):
    place = Place()
    for step in steps:
        match step:
            case ("happen", tenant, count):
                place.happen(tenant, count)
            case ("round", batch):
                assert isinstance(place.round(batch), Round)
            case ("die", batch, call, after):
                death = Death(call, after)
                with suppress(DiesError):
                    place.round(batch, death)
        # What was signed is never taken back, whoever died.
        assert place.state.state.checkpoint.size >= max(
            (checkpoint.size for checkpoint in place.checkpoints()), default=0
        )
    done = place.round()
    assert isinstance(done, Round)
    hashes = place.hashes()
    assert len(hashes) == place.events() == done.size
    checkpoints = place.checkpoints()
    for checkpoint in checkpoints:
        assert checkpoint.root == root_of(hashes[: checkpoint.size])
    assert checkpoints[-1].size == len(hashes)
    assert place.alarms.sounded == []
    with place.store.begin(Scope()) as work:
        read, newest = work.seals.hashes(1), checkpoints[-1]
        for checkpoint in checkpoints:
            path = consistency_proof(checkpoint.size, newest.size, read)
            assert verify_consistency(
                checkpoint.size, newest.size, checkpoint.root, newest.root, path
            )
        for position in {0, len(hashes) // 2, len(hashes) - 1}:
            path = inclusion_proof(position, newest.size, read)
            assert verify_inclusion(hashes[position], position, newest.size, path, newest.root)


@pytest.mark.filterwarnings("ignore:keys are held in memory")
def test_a_custodian_that_refuses_is_an_alarm_and_signs_nothing():
    place = Place()
    place.custodian.refuses = "denied"
    done = place.round()
    assert isinstance(done, Refusal)
    assert done.code == "key_refused"
    assert place.checkpoints() == []
    assert [code for code, _, _ in place.alarms.sounded] == ["seal_refused"]
    place.custodian.refuses = None
    assert place.round().signed is not None
