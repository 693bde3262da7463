"""Sealing: what has settled becomes leaves of the log's tree, and the tree is signed.

The order of one round, each step of which may be the last before a crash::

    leaves and tiles, a batch at a time     in the database, one transaction each
    the root, proved to continue the last   computed from the tiles that are there
    the signature                           by the custodian
    the state file                          replaced before anybody sees the signature
    the checkpoint                          in the database: now it is published

A crash before the state file leaves leaves that the next round signs for; one behind it leaves a
signed checkpoint, which the next session publishes.  Nothing is ever signed that does not continue
what the state file says was signed last: whoever rewrites the database cannot rewrite that.

An organisation whose numbers have a gap waits there, with an alarm, until a person has mended it;
all others are sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import define, evolve, field, frozen

from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.custody import (
    Custodian,
    CustodyRefusedError,
    CustodyUnavailableError,
    Verifies,
)
from application.ports.seal_state import (
    SealState,
    SealStateError,
    SealStateSession,
    SealStateStore,
)
from application.ports.storage.seals import (
    Log,
    SealSession,
    SealStore,
    SignedCheckpoint,
    Trouble,
    Unsealed,
)
from domain.checkpoint import Checkpoint, Note
from domain.errors import MisuseError, Refusal
from domain.identifiers import KeyRef, OrganisationId, Prefix, public_id
from domain.merkle import Frontier, Hashes, consistency_proof, root, verify_consistency
from domain.signing import KeyUse, Purpose

#: Leaves that one transaction adds.
BATCH = 5_000
#: Whoever catches up signs after so many batches, not only at the end.
_SIGN_AFTER_BATCHES = 200
#: Organisations that are left out and told of by name; of more only how many.
_NAMED = 20
#: Organisations of which it is remembered how far they are sealed.
_REMEMBERED = 200_000

#: Why nothing is sealed or signed, and what a person does about it (docs/sealing.md).
REMEDIES: Mapping[str, str] = {
    "log_not_open": "open one: `tallystick seal open --reason …`",
    "state_missing": "put the sealer's state file back; if it is lost, `tallystick seal resume "
    "--reason …` makes one from the last published checkpoint",
    "state_unusable": "look at the path, its rights and its disk; restore the file from a copy",
    "state_of_another_log": "give this sealer the state file of the open log",
    "state_ahead": "the database is older than what was signed: restore a newer one, or open a "
    "new log with `tallystick seal open --close N --reason …`",
    "state_behind": "the state file is older than the database, or another sealer signs: put the "
    "newest one back, or `tallystick seal resume --reason …`",
    "another_root": "what was signed for is not what the database has now: find out who changed "
    "it before anything else; go on from a backup that is older than the change, or open a new "
    "log with `tallystick seal open --close N --reason …`",
    "another_timeline": "a standby was promoted, or a backup restored to a point in time: if the "
    "server of before is gone for good, `tallystick seal resume --reason …`; if this is a copy of "
    "it, do not seal it",
    "another_cluster": "the database was restored or moved: if no other copy of it is in use, "
    "`tallystick seal resume --reason …`",
    "event_missing": "an event that was numbered is not there: find out who deleted it, or gave "
    "a number to nothing; restore it from a backup, or `tallystick seal void ORG N --reason …`",
    "event_repeated": "a number has two events: find out who inserted one past the application, "
    "and take that one away",
    "event_beyond_head": "an event that is sealed is not counted: somebody set the head back, and "
    "numbers are given twice; find out who, keep a copy of what has come since, and set the head "
    "to the last number that is sealed",
    "event_foreign": "an event has a transaction id that this cluster has not given: after a "
    "restore, `tallystick seal resume --reason …`; else somebody has written past the application",
    "key_differs": "configure the key that the log was opened with, or open a new log",
    "key_refused": "see why the custodian refuses; a key that is gone needs a new log",
}


@frozen(kw_only=True)
class Round:
    #: How many events it has sealed.
    sealed: int
    #: Leaves in the tree now.
    size: int
    #: What it has signed; None: the tree had not grown since.
    signed: SignedCheckpoint | None
    #: Why organisations are not sealed from some number on, one by one.
    left_out: Sequence[Refusal] = ()

    @property
    def did_something(self) -> bool:
        return bool(self.sealed) or self.signed is not None


@frozen(kw_only=True)
class Seal:
    """One sealer at work, for as long as its session lasts."""

    seals: SealStore
    state: SealStateStore
    custodians: Mapping[str, Custodian]
    verifies: Verifies
    alarms: Alarms
    clock: Clock
    #: The only key that may sign, where the configuration names one.
    key: KeyRef | None = None
    batch: int = BATCH

    @contextmanager
    def session(self) -> Iterator[Sealer]:
        """Raises: SealerBusyError, SealStateError, StoreUnavailableError."""
        with self.state.session() as state, self.seals.session() as session:
            yield Sealer(self, state, session)


@define
class _Position:
    """Where the sealer is in its log: what it has seen, and need not read again."""

    log: Log
    state: SealState
    timeline: int
    frontier: Frontier
    #: Below it everything is sealed; None: not yet.
    horizon: int | None = None
    #: Who is left out, as of that horizon.
    troubles: Sequence[Trouble] = ()
    #: The last sealed number of each organisation that was met.
    through: dict[OrganisationId, int] = field(factory=dict)


def _nothing(_: int) -> None: ...


def _never() -> bool:
    return False


@define(eq=False)
class Sealer:
    _seal: Seal
    _state: SealStateSession
    _session: SealSession
    _at: _Position | None = None

    def backlog(self) -> int:
        """How many events wait.  Raises: StoreUnavailableError."""
        log = _open_log(self._session)
        return 0 if log is None else self._session.backlog(log.number).events

    def __call__(
        self, advance: Callable[[int], None] = _nothing, should_stop: Callable[[], bool] = _never
    ) -> Round | Refusal:
        """Seal what has settled, and sign for it.  *advance* hears how many each batch had.

        A refusal is an alarm too, and stays until a person has done something about it.

        Raises:
            StoreUnavailableError: the session is over.
            CustodyUnavailableError: what was sealed is signed for the next time.
        """
        done = self._round(advance, should_stop)
        if isinstance(done, Refusal):
            self._at = None
            log = _open_log(self._session)
            subject = "the log" if log is None else log.origin
            self._seal.alarms.sound("seal_refused", subject, f"{done.code}: {done.detail}")
        elif self._at is not None:
            self._warn(self._at)
        return done

    def _warn(self, at: _Position) -> None:
        """Sound the alarm for each organisation that waits for a person."""
        for trouble in at.troubles[:_NAMED]:
            organisation = public_id(Prefix.ORGANISATION, trouble.organisation)
            why = _left_out(trouble)
            self._seal.alarms.sound("seal_gap", organisation, f"{why.code}: {why.detail}")
        more = len(at.troubles) - _NAMED
        if more > 0:
            self._seal.alarms.sound("seal_gap", at.log.origin, f"{more} more organisations wait")

    def _round(
        self, advance: Callable[[int], None], should_stop: Callable[[], bool]
    ) -> Round | Refusal:
        at = self._at or self._begin()
        if isinstance(at, Refusal):
            return at
        # Whatever goes wrong from here on, the next round looks afresh.
        self._at = None
        horizon, before = self._session.horizon(), at.frontier.size
        if horizon != at.horizon:
            is_complete = self._append(at, advance, should_stop)
            if isinstance(is_complete, Refusal):
                return is_complete
            at.horizon = horizon if is_complete else None
        try:
            signed = self._sign(at)
        except CustodyUnavailableError:
            self._at = at
            raise
        if isinstance(signed, Refusal):
            return signed
        self._at = at
        size = at.frontier.size
        return Round(
            sealed=size - before,
            size=size,
            signed=signed,
            left_out=[_left_out(trouble) for trouble in at.troubles],
        )

    # Before anything is sealed.

    def _begin(self) -> _Position | Refusal:
        """See that database, state file and key are of one log, and continue one another."""
        log = _open_log(self._session)
        if log is None:
            return _refused("log_not_open", "there is no open log")
        state = read_state(self._state, log)
        if isinstance(state, Refusal):
            return state
        problem = self._key_problem(log, state)
        if problem is not None:
            return problem
        cluster = self._session.cluster()
        if log.cluster not in {None, cluster}:
            return _refused(
                "another_cluster",
                f"{log.origin} is of cluster {log.cluster}, this database of {cluster}",
            )
        timeline = self._session.timeline()
        if state.timeline not in {None, timeline}:
            return _refused(
                "another_timeline",
                f"{log.origin} was signed for on timeline {state.timeline}, this database is on "
                f"{timeline}",
            )
        problem = state_problem(self._session, log, state)
        if problem is not None:
            return problem
        size, hashes = self._session.size(log.number), self._session.hashes(log.number)
        try:
            frontier = Frontier.of(size, hashes)
        except MisuseError as error:
            return _refused("another_root", f"the tiles lack nodes: {error}")
        at = _Position(log=log, state=state, timeline=timeline, frontier=frontier)
        return self._publish(at) or at

    def _key_problem(self, log: Log, state: SealState) -> Refusal | None:
        if self._seal.key not in {None, log.key}:
            return _refused("key_differs", f"{log.origin} was opened with {log.key}")
        if state.public_key != log.public_key:
            return _refused("key_differs", "the state file is of another key than the log")
        try:
            described = custodian_of(self._seal.custodians, log.key).describe(log.key)
        except CustodyRefusedError as error:
            return _refused("key_refused", str(error))
        if (described.public_key, described.use) != (log.public_key, KeyUse.CHECKPOINT):
            return _refused("key_differs", f"{log.key} is not the key that {log.origin} names")
        return None

    def _publish(self, at: _Position) -> Refusal | None:
        """What was signed before a crash, and nobody has seen yet."""
        known, state = self._session.latest(at.log.number), at.state
        if state.note is None or (known and known.checkpoint.size == state.checkpoint.size):
            return None
        self._session.publish(
            at.log.number,
            SignedCheckpoint(
                checkpoint=state.checkpoint, note=state.note, signed_at=self._seal.clock.now()
            ),
        )
        return None

    # Leaves.

    def _append(
        self, at: _Position, advance: Callable[[int], None], should_stop: Callable[[], bool]
    ) -> bool | Refusal:
        """Whether all that has settled and may be sealed is sealed now."""
        takes_restored, troubles = at.log.cluster is None, list[Trouble]()
        at.troubles = troubles
        found = self._session.unsealed(
            at.log.number, batch=self._seal.batch, takes_restored=takes_restored
        )
        for number, events in enumerate(found, start=1):
            if isinstance(events, Trouble):
                troubles.append(events)
                continue
            if should_stop():
                return False
            problem = self._gap(at, events)
            if problem is not None:
                return problem
            leaves = [event.at(at.frontier.size + n) for n, event in enumerate(events)]
            frontier, nodes = at.frontier.appended([event.hash for event in events])
            self._session.append(at.log.number, leaves, nodes)
            at.frontier = frontier
            advance(len(events))
            if number % _SIGN_AFTER_BATCHES == 0:
                signed = self._sign(at)
                if isinstance(signed, Refusal):
                    return signed
        if takes_restored:
            self._settle(at)
        return True

    def _settle(self, at: _Position) -> None:
        """Once all that was restored is sealed, ids of other clusters are refused again."""
        if restored_wait(self._session, at.log):
            return
        cluster = self._session.cluster()
        self._session.settle(at.log.number, cluster)
        at.log = evolve(at.log, cluster=cluster)

    def _gap(self, at: _Position, events: Sequence[Unsealed]) -> Refusal | None:
        if len(at.through) > _REMEMBERED:
            at.through.clear()
        unknown = {event.organisation for event in events} - at.through.keys()
        if unknown:
            at.through |= self._session.sealed_through(at.log.number, unknown)
        for event in events:
            expected = at.through[event.organisation] + 1
            if event.sequence != expected:
                organisation = public_id(Prefix.ORGANISATION, event.organisation)
                return _refused(
                    "event_missing",
                    f"{organisation} has event {event.sequence}, and {expected} comes next",
                )
            at.through[event.organisation] = expected
        return None

    # The signature.

    def _sign(self, at: _Position) -> SignedCheckpoint | Refusal | None:
        """Sign for the tree as it is, if that continues what was signed last."""
        if at.frontier.size == at.state.checkpoint.size:
            return None
        checkpoint = Checkpoint(origin=at.log.origin, size=at.frontier.size, root=at.frontier.root)
        problem = _continuation_problem(
            at.state.checkpoint, checkpoint, self._session.hashes(at.log.number)
        )
        if problem is not None:
            return problem
        text = checkpoint.text.encode()
        try:
            signing = custodian_of(self._seal.custodians, at.log.key).sign(
                at.log.key, text, Purpose.CHECKPOINT
            )
        except CustodyRefusedError as error:
            return _refused("key_refused", str(error))
        if not self._seal.verifies(at.log.public_key, text, signing.signature):
            return _refused("key_differs", f"{at.log.key} signs with another key than the log's")
        note = str(
            Note.signed(checkpoint.text, at.log.origin, at.log.public_key, signing.signature)
        )
        state = SealState(
            checkpoint=checkpoint,
            public_key=at.log.public_key,
            note=note,
            timeline=at.timeline,
        )
        try:
            self._state.write(state)
        except SealStateError as error:
            return _refused("state_unusable", str(error))
        at.state = state
        signed = SignedCheckpoint(
            checkpoint=checkpoint, note=note, signed_at=self._seal.clock.now()
        )
        self._session.publish(at.log.number, signed)
        return signed


def read_state(states: SealStateSession, log: Log) -> SealState | Refusal:
    """The state of the sealer of *log*."""
    try:
        state = states.read()
    except SealStateError as error:
        return _refused("state_unusable", str(error))
    if state is None:
        return _refused("state_missing", f"there is no state file for {log.origin}")
    if state.checkpoint.origin != log.origin:
        return _refused(
            "state_of_another_log",
            f"the state file is of {state.checkpoint.origin}, the open log is {log.origin}",
        )
    return state


def state_problem(session: SealSession, log: Log, state: SealState) -> Refusal | None:
    """Why the database does not continue what was signed, as *state* has it."""
    signed, size = state.checkpoint, session.size(log.number)
    if size < signed.size:
        return _refused(
            "state_ahead",
            f"{signed.size} leaves of {log.origin} were signed for, the database has {size}",
        )
    hashes, published = session.hashes(log.number), session.latest(log.number)
    try:
        found = Checkpoint(origin=log.origin, size=size, root=root(size, hashes))
    except MisuseError as error:
        return _refused("another_root", f"the tiles lack nodes: {error}")
    problem = _continuation_problem(signed, found, hashes)
    if problem is not None or published is None:
        return problem
    if published.checkpoint.size > signed.size:
        return _refused(
            "state_behind",
            f"{published.checkpoint.size} leaves of {log.origin} were signed for, and the state "
            f"file says {signed.size}",
        )
    return _continuation_problem(published.checkpoint, found, hashes)


def restored_wait(session: SealSession, log: Log) -> bool:
    """Whether events of another cluster could be sealed: restored into this one, with a log or
    before it.

    Those behind a gap could not.  They would keep the log open to ids of elsewhere, in all
    organisations, for as long as nobody mends that gap; when it is mended they are told of again.
    """
    foreign, gaps = dict[OrganisationId, int](), dict[OrganisationId, int]()
    for found in session.unsealed(log.number, batch=1, takes_restored=False):
        if not isinstance(found, Trouble):
            break
        (foreign if found.kind == "foreign" else gaps)[found.organisation] = found.sequence
    return any(
        organisation not in gaps or first < gaps[organisation]
        for organisation, first in foreign.items()
    )


def custodian_of(custodians: Mapping[str, Custodian], key: KeyRef) -> Custodian:
    """Raises: CustodyRefusedError: none of that scheme is configured."""
    scheme = key.partition(":")[0]
    if scheme not in custodians:
        raise CustodyRefusedError("unknown_key", f"no custodian {scheme} is configured")
    return custodians[scheme]


def _continuation_problem(old: Checkpoint, new: Checkpoint, hashes: Hashes) -> Refusal | None:
    """Why *new* does not continue *old*: proved from the tiles, by whoever signs."""
    detail = f"the tree of {new.size} leaves does not continue that of {old.size}"
    try:
        if root(new.size, hashes) != new.root:
            return _refused("another_root", f"the tiles have another root of {new.size} leaves")
        if old.size == 0:
            return None
        proof = consistency_proof(old.size, new.size, hashes)
    except MisuseError as error:
        return _refused("another_root", f"{detail}: {error}")
    if not verify_consistency(old.size, new.size, old.root, new.root, proof):
        return _refused("another_root", detail)
    return None


def _open_log(session: SealSession) -> Log | None:
    return next((log for log in session.logs() if log.is_open), None)


def _left_out(trouble: Trouble) -> Refusal:
    organisation = public_id(Prefix.ORGANISATION, trouble.organisation)
    what = {
        "missing": "is numbered and not there",
        "repeated": "is there twice",
        "beyond_head": "is sealed and not counted",
        "foreign": "is of another cluster",
    }[trouble.kind]
    detail = (
        f"event {trouble.sequence} of {organisation} {what}, which is not sealed from there on"
    )
    return _refused(f"event_{trouble.kind}", detail)


def _refused(code: str, detail: str) -> Refusal:
    return Refusal(code=code, detail=f"{detail}; {REMEDIES[code]}")
