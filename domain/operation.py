"""What every chain operation shares: steps, slots, attempts, and what the world says of them.

An *operation* has steps.  A step is done through *attempts*, signed transactions; what makes two
attempts exclude each other on chain is their *slot* (an EVM nonce, an Algorand lease)::

    operation ── step ── slot 1 (dead: provably without effect)
                    └─── slot 2 (open) ── attempt 1   signed, stored, broadcast
                                     └─── attempt 2   the same effect, higher fee
                                     └─── attempt 3   a fill: no effect, closes the slot

Invariants
- All live attempts of a step share its one open slot.
- A step gets a new slot only when its last one is dead: taken, at finality, by something that is
  known not to be the step's effect, or over, without any of its attempts in any of its blocks.
- Sending the same bytes again is always safe.  Signing again is allowed in the same slot only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum, StrEnum
from typing import NewType

from attrs import evolve, field, frozen, validators

from domain.errors import IllegalTransitionError
from domain.identifiers import KeyRef, NetworkId, OperationId, OrganisationId, Prefix
from domain.money import Rate
from domain.network import Block
from domain.signing import PublicKey, Purpose
from domain.token import Action, Order, Token

TransactionId = NewType("TransactionId", str)
"""The chain's own name for a transaction, known before it is submitted."""


class OperationKind(StrEnum):
    DEPLOYMENT = "deployment"
    #: Brings our CREATE2 factory to a network; owned by the installation, costs no credits.
    INSTALL_FACTORY = "install_factory"
    # What is done with a token afterwards.
    MINT = "mint"
    BURN = "burn"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    #: The token belongs to another address from then on; costs no credits.
    HAND_OVER = "hand_over"
    #: Puts a checkpoint of the audit trail on a network; the installation's, costs no credits.
    ANCHOR = "anchor"
    #: Has an issuing account obey another key, on one network; costs no credits.
    REKEY = "rekey"

    @classmethod
    def of(cls, action: Action) -> OperationKind:
        return cls(action.value)

    @property
    def is_on_a_token(self) -> bool:
        """Done with a token that exists."""
        return self in _ON_TOKENS

    @property
    def is_for_a_key(self) -> bool:
        """Done so that another key rules: nobody planned it, and it costs no credits."""
        return self in {OperationKind.REKEY, OperationKind.HAND_OVER}

    @property
    def prefix(self) -> Prefix:
        """Of the public ids of such operations."""
        return Prefix.OPERATION if self in _NAMED_OPERATIONS else Prefix.DEPLOYMENT


# Asked of every line of a list, so they are there once.
_ON_TOKENS = frozenset(OperationKind.of(action) for action in Action)
_NAMED_OPERATIONS = _ON_TOKENS | {OperationKind.ANCHOR, OperationKind.REKEY}


class WaitReason(StrEnum):
    """Why an operation waits: the closed list of spec/deployments.md."""

    QUEUED = "queued"
    ACCOUNT_NOT_READY = "account_not_ready"
    APPROVAL = "approval"
    SIGNER_UNAVAILABLE = "signer_unavailable"
    NODE_UNAVAILABLE = "node_unavailable"
    FEE_ABOVE_CEILING = "fee_above_ceiling"
    TREASURY_EMPTY = "treasury_empty"
    IN_MEMPOOL = "in_mempool"
    FINALITY = "finality"
    WINDOW_OPEN = "window_open"
    UNKNOWN_OUTCOME = "unknown_outcome"
    OPERATOR = "operator"
    NETWORK_HALTED = "network_halted"

    @property
    def is_routine(self) -> bool:
        """Part of every healthy operation; needs no line in its history."""
        return self in {WaitReason.QUEUED, WaitReason.IN_MEMPOOL, WaitReason.FINALITY}


@frozen
class Postponed:
    """Not now, for this reason.  Nothing has happened."""

    reason: WaitReason
    #: For the operator: values, never secrets.
    detail: str


class AttemptRole(Enum):
    #: Carries the step's effect.
    EFFECT = "effect"
    #: Takes the slot and does nothing else.
    FILL = "fill"


class AttemptOrigin(Enum):
    SIGNED = "signed"
    #: Made by us, forgotten by us (a restored backup), found on chain.
    FOUND = "found"


@frozen(kw_only=True)
class Inclusion:
    """An attempt in a block; final or not, the outcome that carries it says."""

    transaction_id: TransactionId
    block: Block
    #: False: included and reverted.
    succeeded: bool
    #: What it cost, in the chain's base units (wei, microalgos).
    cost: int = field(validator=validators.ge(0))


@frozen(kw_only=True)
class Attempt:
    """One signed transaction (or group) for one step, in one slot."""

    #: Counts from 1 within the step.
    number: int = field(validator=validators.ge(1))
    role: AttemptRole = AttemptRole.EFFECT
    origin: AttemptOrigin = AttemptOrigin.SIGNED
    transaction_id: TransactionId
    #: Exactly the bytes to broadcast; None only where it was found without them, and in outlines.
    raw: bytes | None = field(repr=False)
    #: The draft in the chain's own encoding; only its adapter reads it.
    body: bytes = field(repr=False)
    #: Price per unit of gas, or per transaction, at most; in base units.
    fee_cap: int
    #: Coin that it carries to somebody else and its cost does not have; in base units.
    value: int = 0
    signed_at: datetime
    broadcast_at: datetime | None = None
    #: Why a node definitely refused it.
    rejected: str | None = None
    #: What it took at finality, in base units; None: it is not known to have landed.
    cost: int | None = None
    #: What the network's coin was worth then, as far as somebody had said.
    rate: Rate | None = None

    def costing(self, cost: int) -> Attempt:
        """After it took its slot."""
        return evolve(self, cost=cost)

    def sent(self, at: datetime) -> Attempt:
        """After a node took it: the first instant counts."""
        return evolve(self, broadcast_at=self.broadcast_at or at, rejected=None)

    def refused(self, detail: str) -> Attempt:
        return evolve(self, rejected=detail)


class SlotState(Enum):
    #: Reserved for its step; may have attempts that may land at any moment.
    OPEN = "open"
    #: Final: an attempt with the step's effect took it.
    USED = "used"
    #: Final: taken by an attempt of ours that had no effect (a fill, or reverted).
    SPENT = "spent"
    #: Final: taken by a transaction that is not ours.
    LOST = "lost"
    #: Final: its window is over, and no attempt landed in it.
    EXPIRED = "expired"

    @property
    def is_dead(self) -> bool:
        """Provably without the step's effect, now and for ever."""
        return self in {SlotState.SPENT, SlotState.LOST, SlotState.EXPIRED}


@frozen(kw_only=True)
class Slot:
    #: Counts from 1 within the step.
    number: int = field(validator=validators.ge(1))
    network: NetworkId
    #: Address of the account whose slot it is.
    signer: str
    #: The nonce, on chains that count.
    sequence: int | None = None
    #: The lease, on chains that have one.
    lease: bytes | None = None
    #: Last round in which an attempt may land, on chains with windows: the same for all attempts,
    #: or the lease would not keep them apart.
    valid_until: int | None = None
    state: SlotState = SlotState.OPEN
    attempts: tuple[Attempt, ...] = ()

    def __attrs_post_init__(self) -> None:
        if (self.lease is None) != (self.valid_until is None):
            raise ValueError("a lease is for a window, and a window has a lease")

    @property
    def expires(self) -> bool:
        """It closes by itself, so that it needs no fill, and its attempts no replacement."""
        return self.valid_until is not None

    @property
    def newest(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    def with_attempt(self, attempt: Attempt) -> Slot:
        if self.state is not SlotState.OPEN:
            raise IllegalTransitionError(f"slot {self.number} is {self.state.value}")
        if any(known.transaction_id == attempt.transaction_id for known in self.attempts):
            raise IllegalTransitionError(f"{attempt.transaction_id} is an attempt already")
        return evolve(self, attempts=(*self.attempts, attempt))

    def find(self, id: TransactionId) -> Attempt | None:
        return next((a for a in self.attempts if a.transaction_id == id), None)

    def changing(self, id: TransactionId, change: Callable[[Attempt], Attempt]) -> Slot:
        """The slot with one of its attempts changed."""
        if self.find(id) is None:
            raise IllegalTransitionError(f"slot {self.number} has no attempt {id}")
        changed = (change(a) if a.transaction_id == id else a for a in self.attempts)
        return evolve(self, attempts=tuple(changed))


@frozen(kw_only=True)
class Step:
    #: Counts from 1 within the operation.
    number: int = field(validator=validators.ge(1))
    #: What it does: ``create``, ``fund``.
    name: str
    slots: tuple[Slot, ...] = ()
    #: Where an attempt was last seen; forgotten when the block vanishes.
    inclusion: Inclusion | None = None
    is_final: bool = False

    @property
    def slot(self) -> Slot | None:
        """The slot that counts: the last one."""
        return self.slots[-1] if self.slots else None

    def valued(self, rate: Rate) -> Step:
        """The step with *rate* for each attempt that took coin and has none."""
        slots = (
            evolve(
                slot,
                attempts=tuple(
                    evolve(each, rate=rate) if each.cost and each.rate is None else each
                    for each in slot.attempts
                ),
            )
            for slot in self.slots
        )
        return evolve(self, slots=tuple(slots))

    def outline(self) -> Step:
        """The step without what was signed for it."""
        slots = (
            evolve(
                slot,
                attempts=tuple(evolve(each, raw=None, body=b"") for each in slot.attempts),
            )
            for slot in self.slots
        )
        return evolve(self, slots=tuple(slots))

    @property
    def open_slot(self) -> Slot | None:
        slot = self.slot
        return slot if slot is not None and slot.state is SlotState.OPEN else None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(attempt for slot in self.slots for attempt in slot.attempts)

    def with_slot(self, slot: Slot) -> Step:
        if self.is_final:
            raise IllegalTransitionError(f"step {self.number} is done")
        if self.slot is not None and not self.slot.state.is_dead:
            raise IllegalTransitionError(f"slot {self.slot.number} may still take effect")
        if slot.number != len(self.slots) + 1 or slot.attempts:
            raise IllegalTransitionError("a new slot is the next one, and empty")
        for earlier in self.slots:
            if earlier.valid_until is None or slot.valid_until is None:
                continue
            if slot.lease != earlier.lease or slot.valid_until <= earlier.valid_until:
                raise IllegalTransitionError("a new window is a later one of the same lease")
        return evolve(self, slots=(*self.slots, slot), inclusion=None)

    def with_last_slot(self, slot: Slot) -> Step:
        if not self.slots or self.slots[-1].number != slot.number:
            raise IllegalTransitionError(f"slot {slot.number} is not the step's last")
        return evolve(self, slots=(*self.slots[:-1], slot))


@frozen
class NonceLine:
    """Slots are nonces, given away one after the other."""

    #: How many of the sender's the chain has seen taken.
    taken: int


@frozen(kw_only=True)
class LeaseWindow:
    """The slot is a lease for a window of rounds; nobody stands in line for it.

    Windows of one operation never overlap: two attempts are of the same window, where the lease
    keeps them apart, or the later one begins after the earlier one can no longer land.
    """

    lease: bytes
    #: First and last round in which an attempt may land.
    valid_from: int
    valid_until: int


SlotTerms = NonceLine | LeaseWindow


@frozen(kw_only=True)
class Signer:
    """An address that sends transactions of ours on one network, and its line of slots."""

    network: NetworkId
    address: str
    key: KeyRef
    public_key: PublicKey
    #: The next nonce to give away.
    next_sequence: int = field(validator=validators.ge(0))
    #: Slots that may be open at once.
    limit: int = 64
    #: Pays for everybody; else it is an issuing account that sends its own transactions.
    is_treasury: bool = True
    #: Why nothing is signed with it until a person has looked.
    halted: str | None = None
    #: Grows with every taking of the signer's lease; a record made under an older one is refused.
    fence: int = 0

    @property
    def custodian(self) -> str:
        """Scheme of the custodian that holds its key."""
        return self.key.partition(":")[0]

    def line(self, open_slots: int) -> Postponed | None:
        """Why it gives no nonce away while so many of its slots are open; None: it does."""
        if open_slots < self.limit:
            return None
        return Postponed(WaitReason.QUEUED, f"{open_slots} transactions are in flight")

    def reserve(
        self, open_slots: int, number: int, terms: SlotTerms
    ) -> tuple[Slot, Signer] | Postponed:
        """The next slot and the signer after giving it away.

        *number* is the slot's number within its step, *open_slots* the signer's open ones.
        """
        if self.halted is not None:
            return Postponed(WaitReason.NETWORK_HALTED, self.halted)
        if isinstance(terms, LeaseWindow):
            window = Slot(
                number=number,
                network=self.network,
                signer=self.address,
                lease=terms.lease,
                valid_until=terms.valid_until,
            )
            return window, self
        if (full := self.line(open_slots)) is not None:
            return full
        slot = Slot(
            number=number, network=self.network, signer=self.address, sequence=self.next_sequence
        )
        return slot, evolve(self, next_sequence=self.next_sequence + 1)


@frozen(kw_only=True)
class Intent:
    """One step of one operation, as a chain needs to know it."""

    organisation: OrganisationId
    operation: OperationId
    #: The step's number.
    step: int
    token: Token
    #: Address of the issuing account: it owns what is made, and gives orders about it.
    owner: str
    #: Address that pays, and signs what nobody else has to.
    sender: str
    #: What is asked of a token that exists; None: to make it.
    order: Order | None = None
    #: Where the token is, as far as that is known: an earlier step may have named it.
    place: str | None = None


class Party(Enum):
    """Who signs a step."""

    #: The treasury, or an issuer that pays for itself.
    SENDER = "sender"
    #: The issuing account.
    OWNER = "owner"


@frozen
class StepOutline:
    """A step before it is begun."""

    #: ``create``, ``fund``.
    name: str
    signed_by: tuple[Party, ...] = (Party.SENDER,)
    #: Whose nonce or lease it takes.
    slot_of: Party = Party.SENDER


@frozen
class Signable:
    #: Address of the key that must sign: the account's own, or the one it was rekeyed to.
    signer: str
    #: A 32-byte digest for secp256k1, the whole message for ed25519.
    message: bytes
    purpose: Purpose


@frozen(kw_only=True)
class Draft:
    """A transaction (or group) complete but for its signatures."""

    signables: tuple[Signable, ...] = field(validator=validators.min_len(1))
    #: Chain-native encoding; opaque outside the adapter.
    body: bytes = field(repr=False)
    fee_cap: int
    #: As `Attempt.value`.
    value: int = 0


@frozen(kw_only=True)
class SignedTransaction:
    id: TransactionId
    #: Exactly the bytes to broadcast.  Submitting them twice is submitting them once.
    raw: bytes = field(repr=False)


class Verdict(Enum):
    """What one node's answer to a submission means."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"
    #: The bytes can never land, says this node.
    REJECTED = "rejected"
    #: Nothing is known.  Keep everything, look on chain, send the same bytes again.
    UNKNOWN = "unknown"


class Hint(Enum):
    """What an unknown answer lets us guess.  Never proof of anything."""

    NONE = "none"
    #: The slot is taken, by an attempt of ours or by a stranger.
    SLOT_TAKEN = "slot_taken"
    #: An earlier attempt lives, or the fee is too low for this node.
    UNDERPRICED = "underpriced"
    #: Lower slots must land first.
    GAP_BELOW = "gap_below"
    #: The payer cannot pay for it now.
    UNFUNDED = "unfunded"


@frozen
class Submission:
    verdict: Verdict
    detail: str = ""
    hint: Hint = Hint.NONE


@frozen
class NotSeen:
    """Nobody knows any of the attempts, and their slot is free."""


@frozen
class InPool:
    transaction_id: TransactionId


@frozen
class Included:
    """In a block that may still vanish."""

    inclusion: Inclusion


@frozen
class Final:
    """In a block that will not vanish."""

    inclusion: Inclusion
    #: What it made, where only the chain could name it (an asset id).
    token: str | None = None


@frozen
class SlotLost:
    """At a final block the slot is taken, and by none of the attempts."""

    at: Block


@frozen
class Expired:
    """The slot's window is over at this final block, and none of its blocks has an attempt."""

    at: Block


Outcome = NotSeen | InPool | Included | Final | SlotLost | Expired


@frozen(kw_only=True)
class Effect:
    """The operation's effect is on chain."""

    #: Contract address or asset id.
    token: str
    transaction_id: TransactionId
    raw: bytes | None = field(repr=False)
    block: Block
    is_final: bool
    #: What bringing it about cost, in base units; 0 where that cannot be told any more.
    cost: int = field(default=0, validator=validators.ge(0))


@frozen
class NoEffect:
    """At this final block the operation's effect does not exist."""

    at: Block
    #: False: what was signed before this process first saw the chain, and is forgotten since by a
    #: restored backup, could still bring it about.  Enough to sign in a later window, where the
    #: forgotten one cannot land; not enough to give credits back.
    is_lasting: bool = True
