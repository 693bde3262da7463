"""Watch issued tokens: hold each against what it must be, again and again, and tell what changed.

Invariants
- A difference is told once in the organisation's trail, for as long as it stays the same; the
  alarm is sounded at every look that finds it.
- Nothing is told on bad news from nodes, while the network is halted, or while something that may
  be the cause is under way: the token is looked at again soon.
- What was told and its event are written in one transaction, under a lease: no two looks at one
  token are recorded at once, and whoever dies over one leaves it to the next.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum

from attrs import evolve, field, frozen, validators

from application.audit.trail import Trail
from application.deployments.halt import Halt
from application.deployments.recording import watch
from application.ports.alarms import Alarms
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.tokens import WatchClaim, WatchLease
from application.ports.storage.work import LeaseLostError, Scope, Store
from application.tokens.inspect import Inspect, Inspection
from domain.audit import WORKER, JsonValue
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import NetworkId, OperationId, OrganisationId, Prefix, public_id

#: Longer than a chain's answers take, however slow they are.
LEASE = timedelta(minutes=5)
#: When a look that told nothing is repeated.
AGAIN = timedelta(minutes=1)
#: How many unwatched tokens are found at once.
BATCH = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(Enum):
    AGREES = "agrees"
    DIFFERS = "differs"
    #: Nothing can be said now.
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Look:
    """What one look at a token told."""

    organisation: OrganisationId
    deployment: OperationId
    verdict: Verdict
    #: In words; () unless it differs.
    differences: tuple[str, ...] = ()
    #: Why nothing can be said; it may name a node.
    problem: str | None = None


@frozen(kw_only=True)
class WatchTokens:
    store: Store
    inspect: Inspect
    halt: Halt
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers
    #: How often each token is looked at.
    every: timedelta = field(validator=validators.gt(timedelta(0)))

    def __call__(self) -> bool:
        """Look at the token that has been due for the longest; False: none is."""
        with self.store.begin(Scope()) as work:
            claims = work.token_watches.take(self.clock.now(), 1, self._lease())
        for claim in claims:
            self._look(claim)
        return bool(claims)

    def check(self, organisation: OrganisationId, id: OperationId) -> Look:
        """Look at one watched token, due or not."""
        with self.store.begin(Scope(organisation=organisation)) as work:
            claim = work.token_watches.claim(id, self._lease())
        if claim is not None:
            return self._look(claim)
        return Look(
            organisation=organisation,
            deployment=id,
            verdict=Verdict.UNKNOWN,
            problem="there is no such token, or somebody is looking at it at this moment",
        )

    def _look(self, claim: WatchClaim) -> Look:
        scope = Scope(organisation=claim.organisation)
        try:
            found = self.inspect(scope, claim.deployment)
            problem = self._problem(scope, found)
            if not isinstance(found, Refusal) and problem is None:
                return self._tell(claim, found)
        except ChainUnavailableError as error:
            problem = str(error)
        except WrongChainError as error:
            problem = str(error)
            self.halt.network(self._network(scope, claim.deployment), "wrong_chain", problem)
        except LeaseLostError:
            return self._unknown(claim, "somebody else is looking at it by now")
        self._postpone(claim)
        return self._unknown(claim, problem or "")

    def _problem(self, scope: Scope, found: Inspection | Refusal) -> str | None:
        """Why what was found is not to be told."""
        if isinstance(found, Refusal):
            return found.detail
        if found.under_way:
            return "an operation on it is under way"
        with self.store.begin(scope) as work:
            halted = work.networks.status(found.deployment.network).halted
        return None if halted is None else f"{found.deployment.network} is halted: {halted}"

    def _tell(self, claim: WatchClaim, found: Inspection) -> Look:
        """Raises: LeaseLostError: nothing is told; whoever has the lease tells it."""
        deployment, told, now = found.deployment, found.differences, self.clock.now()
        trail = Trail(identifiers=self.identifiers, organisation=claim.organisation, actor=WORKER)
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            known = work.token_watches.lock(claim.deployment)
            if known is None:
                raise LeaseLostError(str(claim.deployment))
            if told != known.differences:
                trail.add(
                    "token.drifted" if told else "token.restored",
                    public_id(Prefix.TOKEN, deployment.id),
                    now,
                    live=deployment.live,
                    correlation=deployment.named,
                    details=_details(found),
                )
            looked_at = evolve(
                known,
                due_at=next_look(claim.deployment, now, self.every),
                checked_at=now,
                differences=told,
            )
            work.token_watches.put(looked_at, claim)
            trail.write(work)
        if told:
            self.alarms.sound("token_drift", _subject(deployment), "; ".join(told))
        return Look(
            organisation=claim.organisation,
            deployment=claim.deployment,
            verdict=Verdict.DIFFERS if told else Verdict.AGREES,
            differences=told,
        )

    def _postpone(self, claim: WatchClaim) -> None:
        soon = self.clock.now() + min(AGAIN, self.every)
        try:
            with self.store.begin(Scope(organisation=claim.organisation)) as work:
                known = work.token_watches.lock(claim.deployment)
                if known is not None:
                    work.token_watches.put(evolve(known, due_at=soon), claim)
        except LeaseLostError:
            # Whoever has the lease says when.
            return

    def _network(self, scope: Scope, id: OperationId) -> NetworkId:
        with self.store.begin(scope) as work:
            deployment = work.deployments.get(id)
        if deployment is None:
            raise AssertionError
        return deployment.network

    def _lease(self) -> WatchLease:
        return WatchLease(length=LEASE, again=self.clock.now() + LEASE)

    def _unknown(self, claim: WatchClaim, problem: str) -> Look:
        return Look(
            organisation=claim.organisation,
            deployment=claim.deployment,
            verdict=Verdict.UNKNOWN,
            problem=problem,
        )


@frozen(kw_only=True)
class WatchForgotten:
    """Put those back into the queue that were issued before there was one."""

    store: Store
    clock: Clock

    def __call__(self) -> int:
        """Tell how many there were, of the first `BATCH`."""
        with self.store.begin(Scope()) as work:
            forgotten = work.token_watches.unwatched(BATCH)
        for organisation, id in forgotten:
            with self.store.begin(Scope(organisation=organisation)) as work:
                deployment = work.deployments.get(id)
                if deployment is not None:
                    watch(work, deployment, self.clock.now())
        return len(forgotten)


def next_look(id: OperationId, now: datetime, every: timedelta) -> datetime:
    """The token's next place on a grid of *every*: after *now*, and at most *every* later.

    Where in the grid, its id says: tokens that were issued together are not looked at together.
    """
    place = timedelta(microseconds=id.int % (every // timedelta(microseconds=1)))
    return now + every - (now - _EPOCH - place) % every


def _details(found: Inspection) -> dict[str, JsonValue]:
    block = None if found.found is None else found.found.at
    return {
        "block": None if block is None else {"hash": block.hash, "number": block.number},
        "differences": list(found.differences),
        "network": found.deployment.network,
    }


def _subject(deployment: Deployment) -> str:
    organisation = public_id(Prefix.ORGANISATION, deployment.organisation)
    return f"{deployment.network} {organisation} {public_id(Prefix.TOKEN, deployment.id)}"
