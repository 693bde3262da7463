"""What the application asks of a blockchain, in the order it asks it.

`token` and `plan` before anything is promised; `preflight`, then a slot; `prepare`, sign,
`assemble`, store; `submit` any number of times; `outcome` until it is final; `read_back`.
`effect_of` is asked whenever our own records may not be the whole story.  What is done with a
token afterwards goes the same way: an `order` first, and its intent names it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from domain.errors import Refusal
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    NoEffect,
    Outcome,
    Party,
    Postponed,
    SignedTransaction,
    Slot,
    SlotTerms,
    StepOutline,
    Submission,
)
from domain.signing import Curve, PublicKey, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)


class ChainUnavailableError(Exception):
    """No answer, or none to be trusted.  Nothing is known; ask again later."""


class HistoryUnavailableError(ChainUnavailableError):
    """The answer lies in blocks that no node at hand has kept: it needs an archival one."""


class WrongChainError(Exception):
    """The node belongs to another chain than the network it is configured for.

    The network must be halted: nothing may be signed for it until a person has looked.
    """


@frozen(kw_only=True)
class Forecast:
    """What a deployment will do, as far as its chain can say beforehand."""

    #: Units of gas and the price per unit now, or transactions and the price of one; in base
    #: units.  A quote: not part of the plan.
    gas: int
    gas_price: int
    #: Native coin that stays locked up for as long as the token is held, in base units.
    deposit: int = 0
    warnings: tuple[str, ...] = ()


@frozen(kw_only=True)
class Head:
    #: Newest block the node knows.
    latest: Block
    #: Newest block that is final by the network's rule.
    final: Block


@frozen(kw_only=True)
class SignerChainState:
    """An address as the chain sees it."""

    #: In base units.
    balance: int
    #: Slots taken in the newest block; the lowest nonce that is free.
    next_sequence: int
    #: The address whose key signs for it, where that is not its own.
    ruler: str | None = None


def no_such_action(token: Token, action: Action) -> Refusal:
    """What a chain says of an action that the token's kind does not have."""
    detail = f"nobody can {action.value} a token of the kind {token.kind}"
    return Refusal(code="action_not_offered", detail=detail)


class Chain(Protocol):
    """One network of one chain.

    Every method that asks a node raises `ChainUnavailableError` when there is no answer, and
    `WrongChainError` when the node belongs to another chain.
    """

    @property
    def network(self) -> Network: ...

    @property
    def curve(self) -> Curve: ...

    def kinds(self) -> tuple[KindDescription, ...]:
        """The token kinds offered on this network.  Asks nobody."""
        ...

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        """A validated specification, or a refusal ``invalid_token`` with every faulty field.

        Pointers are relative to *parameters*: ``/decimals``.  Asks nobody.
        """
        ...

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        """A token that was validated when it was accepted, from its stored parameters."""
        ...

    def document_of(self, token: Token) -> Document | None:
        """What must be published before *token* is created; None: nothing.  Asks nobody."""
        ...

    def address(self, key: PublicKey) -> str:
        """The address of the account that *key* rules, in its canonical spelling."""
        ...

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        """A validated order for *token*, or a refusal ``invalid_order`` with every faulty field.

        ``action_not_offered``, where tokens of its kind have no such action.  Pointers are
        relative to *parameters*: ``/amount``.  Asks nobody.
        """
        ...

    def handing_over(self, token: Token, to: str) -> Order | None:
        """The order that gives *token*, and what its owner holds of it, to the address *to*.

        None: nobody owns tokens of its kind, or their owner obeys another key instead.  Asks
        nobody.
        """
        ...

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        """The steps that bring *token* into being, or carry *order* out.  Asks nobody."""
        ...

    def groundwork(self) -> Token | None:
        """What must be installed once before this network's first deployment.  Asks nobody."""
        ...

    def predicted(self, intent: Intent) -> str | None:
        """Where the intent's token will be; None where that cannot be known.  Asks nobody."""
        ...

    def allowance(self, intent: Intent) -> int:
        """What is set aside for the whole operation of whoever pays for it, in base units.

        All its steps at the network's price ceiling, with what they lock up and hand on, and room
        for one that comes to nothing.  Asks nobody.
        """
        ...

    def longest_message(self, intent: Intent, party: Party) -> int:
        """How many bytes *party* signs at once for the intent's step, at most.  Asks nobody."""
        ...

    def plan(self, intent: Intent) -> Forecast | Refusal:
        """What the operation will cost, by simulation; a refusal says why it cannot work."""
        ...

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        """Whether the step may be given a slot now: it works, it is paid for, within the ceiling.

        None: yes.  Nothing has happened whatever the answer.
        """
        ...

    def slot_terms(self, intent: Intent) -> SlotTerms | Postponed:
        """What a slot for the intent's step would be now.  Postponed: wait for a better moment."""
        ...

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        """Draft an attempt in *slot*: the intent's effect, or nothing (a fill).

        It offers more than each of *replacing* by what nodes demand of a replacement.  Postponed
        where that is above the ceiling, or where too little is left of the slot's window.  A slot
        that expires is neither filled nor is its attempt replaced: both are misuse.
        """
        ...

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        """Join *draft* and one signature per signable, in order.  Pure: asks nobody.

        Raises:
            ValueError: a signature that is not by the account the draft names.
        """
        ...

    def submit(self, transaction: SignedTransaction) -> Submission:
        """Broadcast, and say what the answer means.  Repeating it is always safe.

        An answer that the adapter's table does not know, or none at all, is ``UNKNOWN``.

        Raises:
            ChainUnavailableError: no node could be handed the bytes; none has left.
        """
        ...

    def outcome(self, slot: Slot) -> Outcome:
        """What became of the slot and of its attempts.

        `Final`, `SlotLost` and `Expired` are final by the network's rule.

        Raises:
            HistoryUnavailableError: the blocks of the slot's window are no longer to be had.
        """
        ...

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        """Whether the intent's effect is on chain, by whatever transaction it got there.

        Raises:
            HistoryUnavailableError: there is something like it, and the block that could say
                whose it is is no longer to be had.
        """
        ...

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        """Differences between what is on chain at *token* and what was planned; () if none."""
        ...

    def planned(self, intent: Intent) -> TokenState:
        """What the token of *intent* must be right after it was made.  Asks nobody."""
        ...

    def state(self, token: Token, place: str) -> TokenState | None:
        """What the token at *place* is in a final block; None where there is no such thing.

        Of the kind and by the code of *token*: what has other code is told by its `code`, and by
        whatever of it can be read.
        """
        ...

    def head(self) -> Head:
        """The newest block and the newest final one."""
        ...

    def block_at(self, number: int) -> Block | None:
        """The node's block of that number now; None where it has not come as far.

        Raises:
            HistoryUnavailableError: it had one, and keeps it no longer.
        """
        ...

    def signer_state(self, address: str) -> SignerChainState: ...
