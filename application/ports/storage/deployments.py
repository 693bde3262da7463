"""Operations, their queue, their slots' lines, and the networks they go to."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from attrs import field, frozen

from application.ports.storage.paging import Page, PageRequest
from domain.deployment import Deployment, State
from domain.identifiers import AccountId, NetworkId, OperationId, OrganisationId
from domain.network import Network, NetworkStatus
from domain.operation import Attempt, OperationKind, Signer
from domain.token import TokenKind
from domain.trace import Cause
from domain.treasury import Holding

#: Of what nobody asked for in a request.
NOBODY = Cause()
#: What is listed where nothing else is asked for.
DEPLOYMENTS = frozenset({OperationKind.DEPLOYMENT, OperationKind.INSTALL_FACTORY})
#: What is done with tokens.
ON_TOKENS = frozenset(kind for kind in OperationKind if kind.is_on_a_token)
#: What gives tokens to other addresses.
HAND_OVERS = frozenset({OperationKind.HAND_OVER})
#: Checkpoints on chain; the installation's.
ANCHORS = frozenset({OperationKind.ANCHOR})


class DeploymentIdTakenError(Exception):
    """The organisation has a deployment of that id."""


class ClientReferenceTakenError(Exception):
    """The organisation used that client reference before, in this mode."""


@frozen(kw_only=True)
class Claim:
    """A worker's lease on one operation."""

    organisation: OrganisationId
    operation: OperationId
    #: Every record made under the lease shows it.
    token: UUID
    #: What the operation was asked for in; no part of the lease.
    cause: Cause = field(default=NOBODY, eq=False)


def keeps_what_was_signed(before: Deployment, after: Deployment) -> bool:
    """Whether all that was signed for *before* is there, as the same bytes, in *after*; an outline
    has none.
    """
    kept = _attempts(after)
    return all(kept.get(number) == signed for number, signed in _attempts(before).items())


def _attempts(deployment: Deployment) -> dict[tuple[int, int], tuple[object, ...]]:
    return {
        (step.number, each.number): _signed(each)
        for step in deployment.steps
        for each in step.attempts
    }


def _signed(attempt: Attempt) -> tuple[object, ...]:
    return attempt.transaction_id, attempt.signed_at, attempt.raw, attempt.body


class Deployments(Protocol):
    """Operations of the scope's organisation, with steps, slots and attempts."""

    def add(self, deployment: Deployment, due_at: datetime, cause: Cause = NOBODY) -> None:
        """Raises: DeploymentIdTakenError, ClientReferenceTakenError."""
        ...

    def get(self, id: OperationId) -> Deployment | None: ...

    def outline(self, id: OperationId) -> Deployment | None:
        """As `get`, for those who show it: without what was signed (`Deployment.outline`)."""
        ...

    def lock(self, id: OperationId) -> Deployment | None:
        """As `get`, locked until the transaction ends."""
        ...

    def put(self, deployment: Deployment, due_at: datetime, claim: Claim | None) -> None:
        """Store what became of a locked deployment, and when it is to be looked at next.

        With *claim*, only while its lease holds; the lease is kept.  Without, the lease that
        somebody may have is void.

        Raises:
            LeaseLostError: *claim* is not, or no longer, the operation's lease.
            MisuseError: it was not locked, or is otherwise in what never changes.
        """
        ...

    def due_at(self, id: OperationId) -> datetime | None:
        """When the operation is looked at next; None where it is over."""
        ...

    def by_reference(self, reference: str, *, live: bool) -> Deployment | None: ...

    def list(
        self,
        page: PageRequest,
        *,
        state: State | None = None,
        network: NetworkId | None = None,
        live: bool | None = None,
        kinds: frozenset[OperationKind] = DEPLOYMENTS,
        of: OperationId | None = None,
        token_kind: TokenKind | None = None,
    ) -> Page[Deployment]:
        """Outlines of those of these kinds, and on the token of *of*; newest first, by id."""
        ...

    def on_token(self, deployment: OperationId) -> Sequence[Deployment]:
        """All operations on the token of *deployment*, oldest first."""
        ...

    def handed_to(self, tokens: Collection[OperationId]) -> Mapping[OperationId, str]:
        """To which address each token was handed over last; those that never were are left out.

        Tokens are named by the deployments that made them.
        """
        ...

    def handing_to(self, address: str) -> Sequence[Deployment]:
        """The operations that give tokens to *address*, whatever became of them; newest first."""
        ...

    def held_by(self, account: AccountId, addresses: Collection[str]) -> Sequence[OperationId]:
        """What *account* has made, or is making, that belongs to one of *addresses*.

        Deployments, oldest first, without those that came to nothing.
        """
        ...

    def anchors_from(self, origin: str, size: int) -> Sequence[Deployment]:
        """Completed anchors of that log with *size* leaves or more.

        The smallest of each network, by network.
        """
        ...

    def kinds_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, OperationKind]:
        """What kind each is; those that there are not are left out."""
        ...

    def causes_of(self, ids: Collection[OperationId]) -> Mapping[OperationId, Cause]:
        """What each was asked for in; those that there are not are left out."""
        ...

    def in_flight(self, account: AccountId, network: NetworkId, besides: OperationId) -> int:
        """How many operations in the name of *account* have an open slot, *besides* one.

        Ask under the account's lock.
        """
        ...

    def count_accepted(self, since: datetime, until: datetime) -> int:
        """How many deployments were accepted in that time and not given back.

        Ask under the wallet's lock.
        """
        ...


class Claims(Protocol):
    """The queue: an operation's row is its place in it.  Works in any scope; tells ids only."""

    def take(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        worker: UUID,
        *,
        queued_first: bool = False,
        full: Collection[NetworkId] = (),
    ) -> list[Claim]:
        """Lease up to *limit* operations due at *now* that nobody has leased.

        What waits for nothing but its turn (`Deployment.is_in_line`) comes after all else, or
        before it; of each, longest due first, one organisation not starving another.  It is left
        where its network is one of *full*.  Leases run on the store's own clock.  Any number of
        workers may ask at once; no two get the same.
        """
        ...

    def renew(self, claims: list[Claim], lease: timedelta) -> list[Claim]:
        """Prolong; tell which of them still hold."""
        ...

    def give_back(self, claims: list[Claim]) -> None:
        """End the leases that still hold."""
        ...

    def next_due(self, now: datetime) -> datetime | None:
        """When the next open, unleased operation is due; None where there is none."""
        ...


@frozen(kw_only=True)
class SlotUse:
    """What has become of one slot of a signer."""

    organisation: OrganisationId
    operation: OperationId
    sequence: int
    has_attempt: bool


class Signers(Protocol):
    """Addresses that send transactions of ours.  They belong to no organisation."""

    def add(self, signer: Signer) -> bool:
        """False where it is known already."""
        ...

    def get(self, network: NetworkId, address: str) -> Signer | None: ...

    def treasury(self, network: NetworkId) -> list[Signer]:
        """Those that pay for everybody."""
        ...

    def of_network(self, network: NetworkId) -> list[Signer]:
        """All of them, issuing accounts included."""
        ...

    def lock(self, network: NetworkId, address: str) -> Signer | None:
        """As `get`, locked until the transaction ends: one nonce is given away at a time."""
        ...

    def put(self, signer: Signer) -> None: ...

    def open_slots(self, network: NetworkId, address: str) -> int:
        """How many of its slots are open, of all organisations."""
        ...

    def lowest_open(self, network: NetworkId, address: str) -> SlotUse | None:
        """The open slot that all later ones wait for.  In the installation's scope."""
        ...

    def take_lease(self, network: NetworkId, address: str, lease: timedelta) -> Signer | None:
        """Be the only one to replace, fill or halt: a new fence; None where another has it."""
        ...

    def check_fence(self, signer: Signer) -> None:
        """Lock the signer and see that the fence is still ours.  Raises: FenceLostError."""
        ...

    def holding(self, network: NetworkId, address: str) -> Holding | None:
        """What it held when somebody last looked; None: nobody has."""
        ...

    def put_holding(self, holding: Holding) -> None:
        """Of a signer that is locked."""
        ...


class Networks(Protocol):
    """The registry rows.  They belong to no organisation."""

    def register(self, network: Network) -> None:
        """Make sure that there is a row for *network*; its class never changes."""
        ...

    def status(self, id: NetworkId) -> NetworkStatus: ...

    def lock(self, id: NetworkId) -> NetworkStatus: ...

    def put(self, status: NetworkStatus) -> None: ...
