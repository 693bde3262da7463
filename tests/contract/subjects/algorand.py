"""Algorand: development nodes that make a block when a test says so; every block is final."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

from attrs import field, frozen

from adapters.algorand.node import Node
from adapters.algorand.reads import Reader
from adapters.algorand.submission import submitted
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.operation import Draft, Intent, SignedTransaction, Slot, Submission, TransactionId
from domain.signing import PublicKey, Signature
from domain.token import Action, TokenKind
from tests.adapters.algorand.on_devnet.world import (
    CEILING,
    FUNGIBLE,
    MINTABLE,
    SECURITY,
    Account,
    World,
    a_network,
    a_world,
)
from tests.adapters.algorand.on_devnet.world import PARAMETERS as TOKENS
from tests.adapters.odd_servers import a_server, says
from tests.contract.subjects import AForgetfulChain, AnOrderingChain


@contextmanager
def chain() -> Iterator[AForgetfulChain]:
    with a_world() as world:
        yield AlgorandSubject(
            world,
            chain=world.chain,
            treasury=world.treasury.address,
            owner=world.issuer.address,
        )


patient_chain = windowed_chain = forgetful_chain = chain


@contextmanager
def gruff_node() -> Iterator[Callable[..., Submission]]:
    transaction = SignedTransaction(id=TransactionId("A" * 52), raw=b"\x80")

    def refused(said: str, place: str = "", **endpoint: str) -> Submission:
        body = json.dumps({"message": said}).encode()
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body)
        with a_server(says(head + body)) as server:
            there = Endpoint(url=server.url + place, **endpoint)
            return submitted(
                Reader(Node(there, timedelta(seconds=5)), a_network("algorand:gruff", None)),
                transaction,
            )

    yield refused


@contextmanager
def ordering_chain() -> Iterator["ContractSubject"]:
    with a_world() as world:
        yield a_contract_subject(world, world.chain, MINTABLE)


@frozen
class AlgorandSubject(AForgetfulChain):
    world: World
    chain: Chain = field(kw_only=True)
    treasury: str = field(kw_only=True)
    owner: str = field(kw_only=True)
    stranger: str = field(factory=lambda: Account().address)
    kind: TokenKind = FUNGIBLE
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "unit_name": "GLD", "decimals": 2, "total": "1000"}
    )
    symbol: str = "unit_name"
    fee_ceiling: int = CEILING

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        return self.world.sign(draft)

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        return self.world.slot(intent, number)

    def mine(self, blocks: int = 1) -> None:
        self.world.nodes.mine(blocks)

    def finalise(self) -> None:
        self.world.nodes.mine()

    def hold_back(self) -> AbstractContextManager[object]:
        return nullcontext()

    def raise_price(self) -> None:
        self.world.nodes.congest(5)

    def pass_rounds(self, number: int) -> None:
        self.world.nodes.advance(number - self.world.nodes.round)

    def evict(self, id: TransactionId) -> None:
        self.world.nodes.nodes[0].fault("evict", txid=id, everywhere=True)

    def forget(self) -> None:
        self.world.nodes.nodes[0].fault("forget")


@frozen
class ContractSubject(AlgorandSubject, AnOrderingChain):
    """Tokens that are applications."""

    orders: Sequence[tuple[Action, Mapping[str, object]]] = field(kw_only=True)
    impossible: tuple[Action, Mapping[str, object]] = (Action.BURN, {"amount": "1001"})
    many_steps: TokenKind | None = field(kw_only=True)


def a_contract_subject(world: World, chain: Chain, kind: TokenKind) -> ContractSubject:
    holder, symbol = Account().address, "symbol"
    more = {"partition": Account().address, "data": "second tranche"} if kind == SECURITY else {}
    return ContractSubject(
        world,
        chain=chain,
        treasury=world.treasury.address,
        owner=world.issuer.address,
        kind=kind,
        parameters=TOKENS[kind],
        symbol=symbol,
        orders=[
            (Action.MINT, {"amount": "250", "to": holder} | more),
            (Action.PAUSE, {}),
            (Action.UNPAUSE, {}),
            (Action.BURN, {"amount": "1000"}),
        ],
        many_steps=kind,
    )
