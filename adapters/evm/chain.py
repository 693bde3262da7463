"""The chain port over JSON-RPC: every deployment is one transaction, in one nonce, to one address.

What may be asked of whom: drafts, digests and addresses are computed here and ask nobody; what a
node says is taken for the chain's word only at a block number that was read before.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from attrs import field, frozen
from eth_utils.crypto import keccak

from adapters.evm import effect, fees, transactions
from adapters.evm.factory import FactoryKind
from adapters.evm.kind import Creation, Kind
from adapters.evm.nodes import MetNode
from adapters.evm.outcome import outcome_of
from adapters.evm.reads import Reader, Reverted, View
from adapters.evm.standards import kinds
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
    no_such_action,
)
from application.ports.nodes import Endpoint
from domain.errors import FieldFault, MisuseError, Refusal
from domain.identifiers import InstallationId
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    NoEffect,
    NonceLine,
    Outcome,
    Postponed,
    SignedTransaction,
    Slot,
    StepOutline,
    Submission,
    WaitReason,
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

T = TypeVar("T")

#: Gas given beyond the estimate, as state may change before inclusion: one fifth.
_GAS_MARGIN = (6, 5)

_FACTORY_KIND = FactoryKind()


@frozen
class EvmChain(Chain):
    network: Network
    _node: MetNode = field(repr=False)
    _installation: InstallationId
    curve: Curve = Curve.SECP256K1

    @classmethod
    def over(
        cls,
        network: Network,
        endpoint: Endpoint,
        installation: InstallationId,
        answer_within: timedelta,
    ) -> "EvmChain":
        """The chain that CAIP-2 calls ``eip155:<chain id>``."""
        namespace, _, reference = network.id.partition(":")
        if namespace != "eip155":
            raise ValueError(f"{network.id} is not an EVM network")
        return cls(network, MetNode(int(reference), endpoint, answer_within), installation)

    def kinds(self) -> tuple[KindDescription, ...]:
        return tuple(kind.description for kind in kinds().values())

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        if kind not in kinds():
            offered = ", ".join(kinds())
            fault = FieldFault("", "unknown_kind", f"{kind} is not offered here; {offered} are")
            return Refusal(code="invalid_token", detail=fault.message, faults=(fault,))
        return kinds()[kind].token(parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return _kind(kind).stored_token(parameters)

    def document_of(self, token: Token) -> Document | None:  # noqa: ARG002 - the same for all
        return None

    def address(self, key: PublicKey) -> str:
        return transactions.address_of(key)

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - no kind has an action yet
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - the same for all
        return (StepOutline("create"),)

    def groundwork(self) -> Token:
        return _FACTORY_KIND.stored_token({})

    def predicted(self, intent: Intent) -> str:
        return self._creation(intent).predicted

    def plan(self, intent: Intent) -> Forecast | Refusal:
        creation = self._creation(intent)

        def inquiry(reader: Reader) -> Forecast | Refusal:
            missing = self._missing(reader, creation)
            if missing is not None:
                return Refusal(code="network_not_ready", detail=missing)
            gas = reader.gas(intent.sender, creation.through, creation.data)
            if isinstance(gas, Reverted):
                return _would_revert(gas)
            market = reader.market()
            return Forecast(
                gas=_with_margin(gas),
                gas_price=market.price,
                warnings=self._warnings(market),
            )

        return self._ask(inquiry)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        creation = self._creation(intent)

        def inquiry(reader: Reader) -> Postponed | Refusal | None:
            missing = self._missing(reader, creation)
            if missing is not None:
                return Postponed(WaitReason.OPERATOR, missing)
            offered = fees.offer(reader.market(), fee_ceiling)
            if isinstance(offered, Postponed):
                return offered
            gas = reader.gas(intent.sender, creation.through, creation.data)
            latest = reader.head(self.network.finality).latest.number
            if isinstance(gas, Reverted):
                if reader.code(creation.predicted, latest):
                    return _is_there(creation)
                return _would_revert(gas)
            needed = _with_margin(gas) * fee_ceiling
            balance = reader.balance(intent.sender, latest)
            if balance < needed:
                detail = f"{intent.sender} holds {balance} wei, and this may cost {needed} wei"
                return Postponed(WaitReason.TREASURY_EMPTY, detail)
            return None

        return self._ask(inquiry)

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        nonce = slot.sequence
        if nonce is None or slot.signer != intent.sender:
            raise MisuseError(f"slot {slot.number} is no nonce of {intent.sender}")
        creation = self._creation(intent)
        to, data = creation.through, creation.data
        if role is AttemptRole.FILL:
            to, data = intent.sender, b""
        given = transactions.FILL_GAS if role is AttemptRole.FILL else None

        def inquiry(reader: Reader) -> Draft | Postponed:
            offered = fees.offer(
                reader.market(), fee_ceiling, [transactions.offered_by(old) for old in replacing]
            )
            if isinstance(offered, Postponed):
                return offered
            gas = given or transactions.gas_of(replacing, to, data)
            if gas is None:
                estimate = reader.gas(intent.sender, to, data)
                if isinstance(estimate, Reverted):
                    detail = f"it would revert now: {estimate.reason}"
                    return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
                gas = _with_margin(estimate)
            return transactions.draft(
                chain_id=self._node.chain_id,
                sender=intent.sender,
                nonce=nonce,
                gas=gas,
                offered=offered,
                to=to,
                data=data,
            )

        return self._ask(inquiry)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        return transactions.assemble(draft, signatures)

    def submit(self, transaction: SignedTransaction) -> Submission:
        return self._node.broadcast(transaction)

    def outcome(self, slot: Slot) -> Outcome:
        return self._ask(lambda reader: outcome_of(reader, self.network.finality, slot))

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        kind, creation = _kind(intent.token.kind), self._creation(intent)
        return self._ask(
            lambda reader: effect.effect_of(reader, self.network.finality, intent, kind, creation)
        )

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        kind, creation = _kind(intent.token.kind), self._creation(intent)
        if token != creation.predicted:
            return (f"address: planned {creation.predicted}, found {token}",)

        def inquiry(reader: Reader) -> tuple[str, ...]:
            head = reader.head(self.network.finality)
            now = View(reader, token, head.final.number)
            if not now.code():
                # It was seen in a final block before: this node is behind.
                raise ChainUnavailableError(f"block {now.at} does not have {token} yet")
            differences = kind.differences(intent, now)
            if not differences:
                return ()
            # Its owner may have used it since: what counts is what it was when it was made.
            made = effect.origin(reader, intent, creation, head.latest.number)
            if made is None or made.block.number > now.at:
                return differences
            return kind.differences(intent, View(reader, token, made.block.number))

        return self._ask(inquiry)

    def planned(self, intent: Intent) -> TokenState:
        raise NotImplementedError

    def state(self, token: Token, place: str) -> TokenState | None:
        raise NotImplementedError

    def head(self) -> Head:
        return self._ask(lambda reader: reader.head(self.network.finality))

    def block_at(self, number: int) -> Block | None:
        def inquiry(reader: Reader) -> Block | None:
            header = reader.header(number)
            return header.block if header is not None else None

        return self._ask(inquiry)

    def signer_state(self, address: str) -> SignerChainState:
        def inquiry(reader: Reader) -> SignerChainState:
            latest = reader.head(self.network.finality).latest.number
            return SignerChainState(
                balance=reader.balance(address, latest),
                next_sequence=reader.nonce(address, latest),
            )

        return self._ask(inquiry)

    def slot_terms(self, intent: Intent) -> NonceLine:
        return NonceLine(taken=self.signer_state(intent.sender).next_sequence)

    def _ask(self, inquiry: Callable[[Reader], T]) -> T:
        return self._node.ask(lambda node: inquiry(Reader(node)))

    def _creation(self, intent: Intent) -> Creation:
        return _kind(intent.token.kind).creation(intent, self._installation)

    def _missing(self, reader: Reader, creation: Creation) -> str | None:
        """What the network lacks before anything can be created on it."""
        latest = reader.head(self.network.finality).latest.number
        code = reader.code(creation.through, latest)
        if keccak(code) == creation.through_code_hash:
            return None
        found = "other code" if code else "no code"
        return f"there is {found} at {creation.through} on {self.network.name}"

    def _warnings(self, market: fees.Market) -> tuple[str, ...]:
        if market.price <= self.network.fee_ceiling:
            return ()
        warning = (
            f"gas costs {market.price} wei a unit now, which is above the network's ceiling of "
            f"{self.network.fee_ceiling} wei: the deployment will wait until it is cheaper"
        )
        return (warning,)


def _kind(name: TokenKind) -> Kind:
    if name == _FACTORY_KIND.name:
        return _FACTORY_KIND
    try:
        return kinds()[name]
    except KeyError:
        raise MisuseError(f"{name} is not a kind of an EVM chain") from None


def _would_revert(simulated: Reverted) -> Refusal:
    detail = f"the chain refuses it in a simulation: {simulated.reason}"
    return Refusal(code="deployment_would_revert", detail=detail)


def _is_there(creation: Creation) -> Postponed:
    detail = f"there is code at {creation.predicted} already: its effect must be looked for"
    return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)


def _with_margin(gas: int) -> int:
    numerator, denominator = _GAS_MARGIN
    return gas * numerator // denominator
