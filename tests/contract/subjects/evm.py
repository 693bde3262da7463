"""EVM: a real node that mines when a test says so; blocks are final five blocks down.

The owner is an issuing account with a key and without coin.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from socket import socket

from attrs import field, frozen

from adapters.evm.nodes import MetNode
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.operation import Draft, Intent, SignedTransaction, Slot, Submission, TransactionId
from domain.signing import PublicKey, Signature
from domain.token import Action, TokenKind
from tests.adapters.evm.on_anvil.world import CEILING, MINTABLE, World, a_world
from tests.adapters.odd_servers import OK, a_server
from tests.contract.subjects import ACountingChain, AnOrderingChain


@contextmanager
def chain() -> Iterator[ACountingChain]:
    with a_world() as world:
        owner = world.chain.address(world.issuer.public_key)
        yield EvmSubject(world, chain=world.chain, treasury=world.sender, owner=owner)


patient_chain = counting_chain = ordering_chain = chain


@contextmanager
def gruff_node() -> Iterator[Callable[..., Submission]]:
    transaction = SignedTransaction(id=TransactionId("0x00"), raw=b"\0")

    def refused(said: str, place: str = "", **endpoint: str) -> Submission:
        error = {"code": -32000, "message": said, "data": said}
        answers = iter(
            json.dumps({"jsonrpc": "2.0", "id": 0, **content}).encode()
            for content in ({"result": "0x1"}, {"error": error}, {"result": None})
        )

        def behave(connection: socket) -> bool:
            # What stands behind the last head is a body, and no question.
            body = next(answers, b"")
            connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            return True

        with a_server(behave) as server:
            there = Endpoint(url=server.url + place, **endpoint)
            return MetNode(1, there, timedelta(seconds=5)).broadcast(transaction)

    yield refused


@frozen
class EvmSubject(ACountingChain, AnOrderingChain):
    world: World
    chain: Chain = field(kw_only=True)
    treasury: str = field(kw_only=True)
    owner: str = field(kw_only=True)
    stranger: str = "0x00000000000000000000000000000000000000Bb"
    kind: TokenKind = MINTABLE
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "symbol": "GLD", "decimals": 2, "initial_supply": "1000"}
    )
    symbol: str = "symbol"
    fee_ceiling: int = CEILING
    orders: Sequence[tuple[Action, Mapping[str, object]]] = (
        (Action.MINT, {"to": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "amount": "250"}),
        (Action.BURN, {"amount": "1000"}),
        (Action.PAUSE, {}),
        (Action.UNPAUSE, {}),
    )
    impossible: tuple[Action, Mapping[str, object]] = (Action.BURN, {"amount": "1001"})
    many_steps: TokenKind | None = None

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        (signable,) = draft.signables
        is_owners = signable.signer == self.owner
        return (self.world.issuer if is_owners else self.world.treasury).sign(draft)

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        signer = self.world.signer_of(intent)
        nonce = self.chain.signer_state(signer).next_sequence
        return Slot(number=number, network=self.chain.network.id, signer=signer, sequence=nonce)

    def reorg(self, depth: int) -> None:
        self.world.reorg(depth)

    def mine(self, blocks: int = 1) -> None:
        self.world.mine(blocks)

    def finalise(self) -> None:
        self.world.finalise()

    def hold_back(self) -> AbstractContextManager[object]:
        return nullcontext()

    def foreign_transaction(self) -> None:
        nonce = self.chain.signer_state(self.treasury).next_sequence
        self.world.foreign_transaction(nonce)
        self.world.mine()
