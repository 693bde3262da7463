from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from attrs import asdict, define, evolve, field

from adapters.memory.chain import token as kind_of_token
from adapters.memory.chain.faults import MisbehavingChain
from adapters.memory.chain.node import (
    GAS_OF_A_CREATION,
    PRICE_BUMP_PERCENT,
    Creation,
    Node,
    Sent,
)
from adapters.memory.signatures import is_by
from application.ports.chain import (
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
    no_such_action,
)
from domain.errors import MisuseError, Refusal
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.network import Block, Family, Finality, Network, NetworkClass
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Final,
    Hint,
    Included,
    Inclusion,
    InPool,
    Intent,
    NoEffect,
    NonceLine,
    NotSeen,
    Outcome,
    Postponed,
    Signable,
    SignedTransaction,
    Slot,
    SlotLost,
    StepOutline,
    Submission,
    TransactionId,
    Verdict,
    WaitReason,
)
from domain.signing import Curve, PublicKey, Purpose, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

#: What a node's words mean; what is not here is unknown.
_MEANINGS = {
    "already known": Submission(Verdict.ALREADY_KNOWN, "already known"),
    "nonce too low": Submission(Verdict.UNKNOWN, "nonce too low", Hint.SLOT_TAKEN),
    "replacement transaction underpriced": Submission(
        Verdict.UNKNOWN, "replacement transaction underpriced", Hint.UNDERPRICED
    ),
    "insufficient funds for gas * price + value": Submission(
        Verdict.UNKNOWN, "insufficient funds for gas * price + value", Hint.UNFUNDED
    ),
}


def a_network(id: str = "memory:1", *, depth: int = 2, fee_ceiling: int = 1_000_000) -> Network:
    """A development network whose blocks are final *depth* blocks down."""
    return Network(
        id=NetworkId(id),
        name="Memory",
        family=Family.EVM,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=depth),
        fee_ceiling=fee_ceiling,
        native_currency="MEM",
        native_decimals=18,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
    )


@define(eq=False)
class MemoryChain(MisbehavingChain):
    """Both the chain and our window on it.

    The world is moved by `mine`, `fund`, `reorg`, `evict`, `foreign_transaction`, `tamper` and
    the fields below; single calls are spoilt by `misbehave`.
    """

    _network: Network = field(factory=a_network)
    #: Every look at an outcome or at the head brings a block.
    instant: bool = False
    #: Blocks that others have and this window does not show yet.  Several windows share a `node`
    #: (and then a lock), each with its own faults.
    lag: int = 0
    #: Why a simulation says that it cannot work.
    refuses: str | None = None
    #: What its tokens point at.
    document: Document | None = None
    node: Node = field(factory=Node)

    # The world.

    @property
    def gas_price(self) -> int:
        return self.node.gas_price

    @gas_price.setter
    def gas_price(self, price: int) -> None:
        self.node.gas_price = price

    def fund(self, address: str, amount: int) -> None:
        with self._lock:
            self.node.funds[address] += amount

    def mine(self, blocks: int = 1) -> Block:
        with self._lock:
            for _ in range(blocks):
                self.node.mine()
            return self.node.latest

    def finalise(self) -> None:
        """Mine until everything the pool could give is final."""
        with self._lock:
            self.mine(1 + self._depth)

    def reorg(self, depth: int, *, drop: bool = False) -> None:
        """See `Node.reorg`.  Deeper than finality, it is what must never happen."""
        with self._lock:
            self.node.reorg(depth, drop=drop)

    def evict(self, id: TransactionId) -> None:
        with self._lock:
            self.node.evict(id)

    def foreign_transaction(self, address: str, sequence: int | None = None) -> TransactionId:
        """Somebody else uses a nonce of *address*, by default the next; the next block has it."""
        with self._lock:
            nonce = self.node.nonce(address) if sequence is None else sequence
            return self.node.stranger(address, nonce)

    def tamper(self, token: str, *, supply: int) -> None:
        """Let there be another supply at *token* than was asked for."""
        with self._lock:
            self.node.tamper(token, lambda creation: evolve(creation, supply=supply))

    def tokens_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How many tokens the operation has made."""
        with self._lock:
            creations = [mined.sent.creation for mined in self.node.tokens.values()]
        return sum(
            creation is not None
            and (creation.organisation, creation.operation) == (str(organisation), str(operation))
            for creation in creations
        )

    # The port.

    @property
    def network(self) -> Network:
        return self._network

    @property
    def curve(self) -> Curve:
        return Curve.SECP256K1

    def kinds(self) -> tuple[KindDescription, ...]:
        return (kind_of_token.DESCRIPTION,)

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        return kind_of_token.validated(kind, parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return kind_of_token.stored(kind, parameters)

    def document_of(self, token: Token) -> Document | None:  # noqa: ARG002 - the same for all
        return self.document

    def address(self, key: PublicKey) -> str:
        if key.curve is not self.curve:
            raise MisuseError(f"a {key.curve.value} key rules no account here")
        return "0x" + hashlib.sha256(key.raw).hexdigest()[-40:]

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - no kind has an action yet
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - the same for all
        return (StepOutline("create"),)

    def groundwork(self) -> Token | None:
        return None

    def predicted(self, intent: Intent) -> str | None:
        return self._creation(intent).address

    def plan(self, intent: Intent) -> Forecast | Refusal:
        def answer() -> Forecast | Refusal:
            refusal = self._simulated(intent)
            return refusal or Forecast(
                gas=GAS_OF_A_CREATION,
                gas_price=self.gas_price,
            )

        return self._ask("plan", answer)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        def answer() -> Postponed | Refusal | None:
            if self._creation(intent).address in self.node.tokens:
                detail = "it is there already: its effect must be looked for"
                return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
            refusal = self._simulated(intent)
            if refusal is not None:
                return refusal
            if self.gas_price > fee_ceiling:
                return _too_dear(self.gas_price, fee_ceiling)
            cost = GAS_OF_A_CREATION * self._offer(fee_ceiling)
            left = self.node.balance(intent.sender) - self.node.promised(intent.sender)
            if left < cost:
                detail = f"{intent.sender} has {left} left and needs {cost}"
                return Postponed(WaitReason.TREASURY_EMPTY, detail)
            return None

        return self._ask("preflight", answer)

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        def answer() -> Draft | Postponed:
            if role is AttemptRole.EFFECT and not replacing:
                refusal = self._simulated(intent)
                if refusal is not None:
                    return Postponed(WaitReason.UNKNOWN_OUTCOME, refusal.detail)
            highest = max((attempt.fee_cap for attempt in replacing), default=0)
            least = max(self.gas_price, -(-highest * (100 + PRICE_BUMP_PERCENT) // 100))
            if least > fee_ceiling:
                return _too_dear(least, fee_ceiling)
            fee_cap = max(least, self._offer(fee_ceiling))
            creation = self._creation(intent) if role is AttemptRole.EFFECT else None
            return _draft(self._network.id, slot, creation, fee_cap)

        return self._ask("prepare", answer)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        if len(signatures) != len(draft.signables):
            msg = f"{len(draft.signables)} signatures are needed, not {len(signatures)}"
            raise ValueError(msg)
        for signable, (key, signature) in zip(draft.signables, signatures, strict=True):
            is_good = key.curve is self.curve and self.address(key) == signable.signer
            if not is_good or not is_by(key, signable.message, signature):
                raise ValueError(f"the signature is not by {signable.signer}")
        ((key, signature),) = signatures
        raw = key.raw + signature.raw + draft.body
        return SignedTransaction(id=_id_of(raw), raw=raw)

    def submit(self, transaction: SignedTransaction) -> Submission:
        def answer() -> Submission:
            sent = self._decoded(transaction.raw)
            if sent is None:
                return Submission(Verdict.REJECTED, "invalid sender")
            words = self.node.take(sent)
            return Submission(Verdict.ACCEPTED) if words is None else _MEANINGS[words]

        try:
            return self._ask("submit", answer, instead=lambda words: words)
        except ChainUnavailableError as error:
            return Submission(Verdict.UNKNOWN, str(error))

    def outcome(self, slot: Slot) -> Outcome:
        def answer() -> Outcome:
            self._tick()
            for attempt in slot.attempts:
                mined = self.node.mined.get(attempt.transaction_id)
                if mined is None or not self._shows(mined.block):
                    continue
                inclusion = Inclusion(
                    transaction_id=attempt.transaction_id,
                    block=mined.block,
                    succeeded=mined.succeeded,
                    cost=mined.cost,
                )
                is_final = mined.block.number <= self._final.number
                return Final(inclusion) if is_final else Included(inclusion)
            if self.node.nonce_at(slot.signer, self._final) > _sequence(slot):
                return SlotLost(self._final)
            in_pool = {sent.id for sent in self.node.pool.values()} | {
                id for id, mined in self.node.mined.items() if not self._shows(mined.block)
            }
            for attempt in reversed(slot.attempts):
                if attempt.transaction_id in in_pool:
                    return InPool(attempt.transaction_id)
            return NotSeen()

        return self._ask("outcome", answer)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        def answer() -> Effect | NoEffect:
            address = self._creation(intent).address
            mined = self.node.tokens.get(address)
            if mined is None or not self._shows(mined.block):
                return NoEffect(self._final)
            return Effect(
                token=address,
                transaction_id=mined.sent.id,
                raw=mined.sent.raw,
                block=mined.block,
                is_final=mined.block.number <= self._final.number,
                cost=mined.cost,
            )

        return self._ask("effect_of", answer)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        def answer() -> tuple[str, ...]:
            mined = self.node.tokens.get(token)
            if mined is not None and not self._shows(mined.block):
                raise ChainUnavailableError(f"the node does not have block {mined.block.number}")
            if mined is None or mined.sent.creation is None:
                return (f"there is nothing at {token}",)
            found, planned = mined.sent.creation, self._creation(intent)
            return tuple(
                f"{name} is {getattr(found, name)} and should be {getattr(planned, name)}"
                for name in ("address", "name", "symbol", "decimals", "supply", "owner")
                if getattr(found, name) != getattr(planned, name)
            )

        return self._ask("read_back", answer)

    def planned(self, intent: Intent) -> TokenState:
        raise NotImplementedError

    def state(self, token: Token, place: str) -> TokenState | None:
        raise NotImplementedError

    def head(self) -> Head:
        def answer() -> Head:
            self._tick()
            return Head(latest=self._latest, final=self._final)

        return self._ask("head", answer)

    def block_at(self, number: int) -> Block | None:
        def answer() -> Block | None:
            has_it = 0 <= number <= self._latest.number
            return self.node.blocks[number].block if has_it else None

        return self._ask("block_at", answer)

    def slot_terms(self, intent: Intent) -> NonceLine:
        return self._ask("slot_terms", lambda: NonceLine(taken=self._nonce(intent.sender)))

    def signer_state(self, address: str) -> SignerChainState:
        return self._ask(
            "signer_state",
            lambda: SignerChainState(
                balance=self.node.balance(address), next_sequence=self._nonce(address)
            ),
        )

    # What an answer rests on.

    def _tick(self) -> None:
        if self.instant:
            self.node.mine()

    @property
    def _depth(self) -> int:
        return self._network.finality.depth or 0

    @property
    def _final(self) -> Block:
        return self.node.blocks[max(0, self._latest.number - self._depth)].block

    @property
    def _latest(self) -> Block:
        return self.node.blocks[max(0, self.node.latest.number - self.lag)].block

    def _nonce(self, address: str) -> int:
        node = self.node
        return node.nonce_at(address, self._latest) if self.lag else node.nonce(address)

    def _shows(self, block: Block) -> bool:
        return block.number <= self._latest.number

    def _offer(self, fee_ceiling: int) -> int:
        """Twice today's price leaves room for a rise; never above the ceiling."""
        return min(2 * self.gas_price, fee_ceiling)

    def _simulated(self, intent: Intent) -> Refusal | None:
        if self.refuses is not None:
            return Refusal(code="deployment_would_revert", detail=self.refuses)
        if self._creation(intent).address in self.node.tokens:
            return Refusal(code="deployment_would_revert", detail="the address is taken")
        return None

    def _creation(self, intent: Intent) -> Creation:
        token = intent.token
        contents = [
            intent.sender,
            str(intent.organisation),
            str(intent.operation),
            token.kind,
            dict(token.parameters),
            intent.owner,
        ]
        digest = hashlib.sha256(_json(contents)).hexdigest()
        return Creation(
            address="0x" + digest[-40:],
            organisation=str(intent.organisation),
            operation=str(intent.operation),
            name=token.name,
            symbol=token.symbol,
            decimals=token.decimals,
            supply=token.supply,
            owner=intent.owner,
        )

    def _decoded(self, raw: bytes) -> Sent | None:
        """What a node makes of the bytes; None where they are not a signed transaction of it."""
        try:
            key = PublicKey(Curve.SECP256K1, raw[:64])
            signature = Signature(Curve.SECP256K1, raw[64:128])
            body = raw[128:]
            fields = json.loads(body)
            sent = Sent(
                id=_id_of(raw),
                raw=raw,
                sender=fields["sender"],
                nonce=fields["nonce"],
                fee_cap=fields["fee_cap"],
                creation=Creation(**fields["creation"]) if fields["creation"] else None,
            )
        except (ValueError, KeyError, TypeError):
            return None
        is_ours = fields["network"] == self._network.id and self.address(key) == sent.sender
        return sent if is_ours and is_by(key, hashlib.sha256(body).digest(), signature) else None


def _draft(network: NetworkId, slot: Slot, creation: Creation | None, fee_cap: int) -> Draft:
    body = _json(
        {
            "network": network,
            "sender": slot.signer,
            "nonce": _sequence(slot),
            "fee_cap": fee_cap,
            "creation": None if creation is None else asdict(creation),
        }
    )
    signable = Signable(slot.signer, hashlib.sha256(body).digest(), Purpose.EVM_TRANSACTION)
    return Draft(signables=(signable,), body=body, fee_cap=fee_cap)


def _sequence(slot: Slot) -> int:
    if slot.sequence is None:
        raise MisuseError("a slot on this chain is a nonce")
    return slot.sequence


def _too_dear(price: int, ceiling: int) -> Postponed:
    return Postponed(WaitReason.FEE_ABOVE_CEILING, f"{price} is above the ceiling of {ceiling}")


def _id_of(raw: bytes) -> TransactionId:
    return TransactionId("0x" + hashlib.sha256(raw).hexdigest())


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
