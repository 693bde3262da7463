"""The chain port over JSON-RPC: every step is one transaction, in one nonce, to one address.

What may be asked of whom: drafts, digests and addresses are computed here and ask nobody; what a
node says is taken for the chain's word only at a block number that was read before.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from attrs import evolve, field, frozen
from eth_utils.address import is_address

from adapters.evm import anchor, effect, fees, gas, orders, transactions
from adapters.evm.anchor import AnchorKind
from adapters.evm.factory import FactoryKind
from adapters.evm.kind import Kind
from adapters.evm.nodes import MetNode
from adapters.evm.outcome import outcome_of
from adapters.evm.reads import Reader, Reverted, View
from adapters.evm.standards import kinds
from adapters.evm.step import StepCall
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
)
from application.ports.nodes import Endpoint
from domain.anchor import ANCHOR
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
    Party,
    Postponed,
    SignedTransaction,
    Slot,
    StepOutline,
    Submission,
    WaitReason,
)
from domain.signing import DIGEST_BYTES, Curve, PublicKey, Signature
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

_FACTORY_KIND = FactoryKind()
#: What operations of the installation are about.
_OWN_KINDS: Mapping[TokenKind, Kind] = {kind.name: kind for kind in (_FACTORY_KIND, AnchorKind())}


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
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return _kind(token.kind).order(token, action, parameters)

    def handing_over(self, token: Token, to: str) -> Order | None:
        return _kind(token.kind).handing_over(to)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        if token.kind == ANCHOR:
            return anchor.OUTLINES
        return (StepOutline("create"),) if order is None else orders.outlines(order)

    def groundwork(self) -> Token:
        return _FACTORY_KIND.stored_token({})

    def predicted(self, intent: Intent) -> str:
        return self._call(intent).place

    def allowance(self, intent: Intent) -> int:
        return gas.allowance_of(intent) * self.network.fee_ceiling

    def longest_message(self, intent: Intent, party: Party) -> int:  # noqa: ARG002 - a digest
        return DIGEST_BYTES

    def plan(self, intent: Intent) -> Forecast | Refusal:
        call = self._call(intent)

        def inquiry(reader: Reader) -> Forecast | Refusal:
            missing = self._missing(reader, call)
            if missing is not None:
                return Refusal(code="network_not_ready", detail=missing)
            needs = gas.needs_of(reader, call)
            if isinstance(needs, Reverted):
                return _would_revert(_kind(intent.token.kind), call, needs)
            market = reader.market()
            return Forecast(
                gas=needs.gas + needs.funded,
                gas_price=market.price,
                warnings=self._warnings(market),
            )

        return self._ask(inquiry)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        call = self._call(intent)

        def inquiry(reader: Reader) -> Postponed | Refusal | None:
            missing = self._missing(reader, call)
            if missing is not None:
                return Postponed(WaitReason.OPERATOR, missing)
            offered = fees.offer(reader.market(), fee_ceiling)
            if isinstance(offered, Postponed):
                return offered
            needs = gas.needs_of(reader, call)
            latest = reader.head(self.network.finality).latest.number
            if isinstance(needs, Reverted):
                if call.mark.is_set(reader, latest):
                    return _is_done(call)
                return _would_revert(_kind(intent.token.kind), call, needs)
            # The treasury can pay for replacements up to the ceiling.  An issuing account has what
            # it was given: after a revert that is less, and may still do at today's price.
            price = fee_ceiling if call.sender == intent.sender else offered.max_fee
            needed = needs.gas * price + needs.value(fee_ceiling)
            balance = reader.balance(call.sender, latest)
            if balance < needed:
                detail = f"{call.sender} holds {balance} wei, and this may cost {needed} wei"
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
        call, nonce = self._call(intent), slot.sequence
        if nonce is None or slot.signer != call.sender:
            raise MisuseError(f"slot {slot.number} is no nonce of {call.sender}")
        to, data = call.through, call.data
        if role is AttemptRole.FILL:
            to, data = call.sender, b""

        def inquiry(reader: Reader) -> Draft | Postponed:
            offered = fees.offer(
                reader.market(), fee_ceiling, [transactions.offered_by(old) for old in replacing]
            )
            if isinstance(offered, Postponed):
                return offered
            given = (
                (transactions.FILL_GAS, 0)
                if role is AttemptRole.FILL
                else transactions.given_to(replacing, to, data)
            )
            if given is None:
                needs = gas.needs_of(reader, call)
                if isinstance(needs, Reverted):
                    detail = f"it would revert now: {needs.reason}"
                    return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
                given = (needs.gas, needs.value(fee_ceiling))
            return transactions.draft(
                chain_id=self._node.chain_id,
                sender=call.sender,
                nonce=nonce,
                gas=given[0],
                offered=offered,
                to=to,
                data=data,
                value=given[1],
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
        call = self._call(intent)
        return self._ask(
            lambda reader: effect.effect_of(reader, self.network.finality, intent, call)
        )

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        kind, call = _kind(intent.token.kind), self._call(intent)
        if token != call.place:
            return (f"address: planned {call.place}, found {token}",)

        def inquiry(reader: Reader) -> tuple[str, ...]:
            head = reader.head(self.network.finality)
            at = head.final.number
            if intent.order is not None:
                return orders.differences(reader, intent, kind, self._installation, at)
            now = View(reader, token, at)
            if not now.code():
                # It was seen in a final block before: this node is behind.
                raise ChainUnavailableError(f"block {at} does not have {token} yet")
            differences = kind.differences(intent, now)
            if not differences:
                return ()
            # Its owner may have used it since: what counts is what it was when it was made.
            made = effect.origin(reader, intent, call, head.latest.number)
            if made is None or made.block.number > at:
                return differences
            return kind.differences(intent, View(reader, token, made.block.number))

        def fit_to_be_kept(reader: Reader) -> tuple[str, ...]:
            # Contracts answer in words of their own, and nodes for them.
            return tuple(map(reader.node.words, inquiry(reader)))

        return self._ask(fit_to_be_kept)

    def planned(self, intent: Intent) -> TokenState:
        return _kind(intent.token.kind).planned(intent)

    def state(self, token: Token, place: str) -> TokenState | None:
        if not is_address(place):
            return None

        def inquiry(reader: Reader) -> TokenState | None:
            final = reader.head(self.network.finality).final
            view = View(reader, place, final.number)
            if not view.code():
                return None
            return evolve(_kind(token.kind).state(view), at=final)

        return self._ask(inquiry)

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
        return NonceLine(taken=self.signer_state(self._call(intent).sender).next_sequence)

    def _ask(self, inquiry: Callable[[Reader], T]) -> T:
        return self._node.ask(lambda node: inquiry(Reader(node)))

    def _call(self, intent: Intent) -> StepCall:
        kind = _kind(intent.token.kind)
        if intent.order is None:
            call = kind.creation(intent, self._installation)
            if intent.place not in {None, call.place}:
                # Begun by a release with other contracts: what it may have made is not there.
                msg = f"this release would make at {call.place} what is promised at {intent.place}"
                raise ChainUnavailableError(msg)
            return call
        return orders.step_of(intent, kind, self._installation)

    def _missing(self, reader: Reader, call: StepCall) -> str | None:
        """What the network lacks before the step can be done on it, and what follows it."""
        latest = reader.head(self.network.finality).latest.number
        for each in (call, *((call.funds,) if call.funds else ())):
            code = reader.code(each.through, latest)
            if not each.is_its_code(code):
                found = "other code" if code else "no code"
                return f"there is {found} at {each.through} on {self.network.name}"
        return None

    def _warnings(self, market: fees.Market) -> tuple[str, ...]:
        if market.price <= self.network.fee_ceiling:
            return ()
        warning = (
            f"gas costs {market.price} wei a unit now, which is above the network's ceiling of "
            f"{self.network.fee_ceiling} wei: it will wait until it is cheaper"
        )
        return (warning,)


def _kind(name: TokenKind) -> Kind:
    try:
        return _OWN_KINDS.get(name) or kinds()[name]
    except KeyError:
        raise MisuseError(f"{name} is not a kind of an EVM chain") from None


def _would_revert(kind: Kind, call: StepCall, simulated: Reverted) -> Refusal:
    detail = f"the chain refuses it in a simulation: {kind.explained(simulated.reason)}"
    return Refusal(code=call.refusal, detail=detail)


def _is_done(call: StepCall) -> Postponed:
    detail = f"{call.through} was called already: the effect must be looked for"
    return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
