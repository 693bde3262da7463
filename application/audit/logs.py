"""Opening a log, and going on with one after a restore: what a person decides, with a reason.

Each is an event of the installation, written before it is done: a crash in between leaves the
event, and doing it again finishes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from attrs import evolve, frozen

from application.audit.notes import is_signed
from application.audit.seal import REMEDIES, custodian_of, restored_wait, state_problem
from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.custody import (
    Custodian,
    CustodyRefusedError,
    KeyDescription,
    Verifies,
)
from application.ports.identifiers import Identifiers
from application.ports.seal_state import (
    SealState,
    SealStateError,
    SealStateSession,
    SealStateStore,
)
from application.ports.storage.seals import Log, SealSession, SealStore
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR, Actor, JsonValue
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    AccountId,
    InstallationId,
    KeyRef,
    Prefix,
    public_id,
)
from domain.signing import Curve, KeyUse, PublicKey

_NO_REASON = Refusal(code="reason_missing", detail="say why: it is kept for ever")


def fingerprint(key: PublicKey) -> str:
    """What a key is known by to whoever pins it."""
    return sha256(key.raw).hexdigest()


def origin_of(host: str, installation: InstallationId, number: int) -> str:
    return f"{host}/audit/{public_id(Prefix.INSTALLATION, installation)}/{number}"


@frozen(kw_only=True)
class OpenLog:
    """The key ceremony: a log, the key that signs for it, and the event that says so.

    The first log needs nothing closed.  Another one closes that of number *closing*: it takes
    every event afresh, under an origin of its own.
    """

    store: Store
    seals: SealStore
    state: SealStateStore
    custodians: Mapping[str, Custodian]
    #: Scheme of the custodian that makes the key where none is named.
    custodian: str
    #: The key that signs; None: one is made.
    key: KeyRef | None
    installation: InstallationId
    #: What its origin begins with: a host, with a port where it has one.
    host: str
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, reason: str, *, closing: int | None = None, actor: Actor = OPERATOR
    ) -> Log | Refusal:
        """Raises: SealerBusyError, SealStateError, StoreUnavailableError,
        CustodyUnavailableError.
        """
        if not reason.strip():
            return _NO_REASON
        with self.state.session() as states, self.seals.session() as session:
            logs, state = session.logs(), _readable(states)
            current = next((log for log in logs if log.is_open), None)
            if current is not None and self._is_begun(session, current, state):
                # Whoever opened it died before the state file was written.
                states.write(SealState.fresh(current.origin, current.public_key))
                return current
            problem = _closing_problem(logs, current, closing)
            if problem is not None:
                return problem
            log = self._next(logs, state)
            if isinstance(log, Refusal):
                return log
            self._tell(log, current, state, reason, actor)
            if current is not None:
                session.close_log(current.number, self.clock.now(), reason)
            session.open_log(log)
            states.write(SealState.fresh(log.origin, log.public_key))
            return log

    def _is_begun(self, session: SealSession, log: Log, state: SealState | None) -> bool:
        """Whether nothing was done with the open log yet, and no state file is of it."""
        return (
            session.size(log.number) == 0
            and session.latest(log.number) is None
            and (state is None or state.checkpoint.origin != log.origin)
        )

    def _next(self, logs: list[Log], state: SealState | None) -> Log | Refusal:
        number = max([*(log.number for log in logs), self._signed(state)], default=0) + 1
        try:
            key = self._key(number)
        except CustodyRefusedError as error:
            return Refusal(code="key_refused", detail=f"{error}; {REMEDIES['key_refused']}")
        if (key.use, key.public_key.curve) != (KeyUse.CHECKPOINT, Curve.ED25519):
            return Refusal(code="key_differs", detail=f"{key.key} is no key for checkpoints")
        return Log(
            number=number,
            origin=origin_of(self.host, self.installation, number),
            key=key.key,
            public_key=key.public_key,
            # What is there may have been restored from elsewhere, before any log was.
            cluster=None,
            opened_at=self.clock.now(),
        )

    def _signed(self, state: SealState | None) -> int:
        """The number that the state file knows, which a restored database may have forgotten."""
        if state is None:
            return 0
        _, _, number = state.checkpoint.origin.rpartition("/")
        return int(number) if number.isdecimal() else 0

    def _key(self, number: int) -> KeyDescription:
        if self.key is not None:
            return custodian_of(self.custodians, self.key).describe(self.key)
        # Named after the log, so that asking again gives the same one.
        place = AccountId(UUID(int=number))
        custodian = custodian_of(self.custodians, KeyRef(f"{self.custodian}:"))
        return custodian.create_key(INSTALLATION, place, Curve.ED25519, KeyUse.CHECKPOINT)

    def _tell(
        self, log: Log, closed: Log | None, state: SealState | None, reason: str, actor: Actor
    ) -> None:
        opened: dict[str, JsonValue] = {
            "key": log.key,
            "key_fingerprint": fingerprint(log.public_key),
            "number": log.number,
            "origin": log.origin,
            "reason": reason,
        }
        now = self.clock.now()
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=actor)
        with self.store.begin(Scope.installation()) as work:
            known = work.audit.of_subject(log.origin)
            if any(event.action == "log.opened" for event in known):
                return
            if closed is not None:
                details: dict[str, JsonValue] = {"number": closed.number, "reason": reason}
                if state is not None and state.checkpoint.origin == closed.origin:
                    # What the new log must answer for, whatever the database has forgotten.
                    details["root"] = state.checkpoint.root.hex()
                    details["size"] = state.checkpoint.size
                trail.add("log.closed", closed.origin, now, details=details)
            trail.add("log.opened", log.origin, now, details=opened)
            trail.write(work)


@frozen(kw_only=True)
class ResumeLog:
    """Go on with the open log: in another cluster, or without the state file that was lost.

    Only where the database has everything that was signed for, as far as anybody knows.
    """

    store: Store
    seals: SealStore
    state: SealStateStore
    verifies: Verifies
    clock: Clock
    identifiers: Identifiers

    def __call__(self, reason: str) -> Log | Refusal:
        """Raises: SealerBusyError, SealStateError, StoreUnavailableError."""
        if not reason.strip():
            return _NO_REASON
        with self.state.session() as states, self.seals.session() as session:
            log = next((log for log in session.logs() if log.is_open), None)
            if log is None:
                return Refusal(code="log_not_open", detail=REMEDIES["log_not_open"])
            state = self._last_signed(session, log, _readable(states))
            if isinstance(state, Refusal):
                return state
            is_restored = log.cluster != session.cluster() or restored_wait(session, log)
            self._tell(log, state, session, reason, is_restored=is_restored)
            states.write(evolve(state, timeline=session.timeline()))
            if is_restored:
                log = evolve(log, cluster=None)
                session.settle(log.number, None)
            return log

    def _last_signed(
        self, session: SealSession, log: Log, known: SealState | None
    ) -> SealState | Refusal:
        if known is None or known.checkpoint.origin != log.origin:
            return self._published(session, log)
        problem = state_problem(session, log, known)
        if problem is not None and problem.code == "state_behind":
            return self._published(session, log)
        return problem or known

    def _published(self, session: SealSession, log: Log) -> SealState | Refusal:
        """The last checkpoint that the database has, if the key has signed it."""
        latest = session.latest(log.number)
        if latest is None:
            return SealState.fresh(log.origin, log.public_key)
        checkpoint = latest.checkpoint
        if not is_signed(self.verifies, log, latest):
            return Refusal(
                code="another_root",
                detail=f"the published checkpoint of {checkpoint.size} leaves is not what the key "
                f"has signed; {REMEDIES['another_root']}",
            )
        state = SealState(checkpoint=checkpoint, public_key=log.public_key, note=latest.note)
        return state_problem(session, log, state) or state

    def _tell(
        self, log: Log, state: SealState, session: SealSession, reason: str, *, is_restored: bool
    ) -> None:
        details: dict[str, JsonValue] = {
            "cluster": session.cluster(),
            "number": log.number,
            "reason": reason,
            "restored": is_restored,
            "root": state.checkpoint.root.hex(),
            "size": state.checkpoint.size,
            "timeline": session.timeline(),
        }
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        trail.add("log.resumed", log.origin, self.clock.now(), details=details)
        with self.store.begin(Scope.installation()) as work:
            trail.write(work)


def _closing_problem(logs: list[Log], current: Log | None, closing: int | None) -> Refusal | None:
    if current is None and closing not in {None, *(log.number for log in logs)}:
        return Refusal(code="log_not_open", detail=f"there is no log {closing}")
    if current is None or current.number == closing:
        return None
    return Refusal(
        code="log_is_open",
        detail=f"log {current.number} is open, {current.origin}: a new one seals every event "
        f"afresh, and closes it if you say --close {current.number}",
    )


def _readable(states: SealStateSession) -> SealState | None:
    """The state, where there is one that can be read: whoever opens or resumes writes another."""
    try:
        return states.read()
    except SealStateError:
        return None
