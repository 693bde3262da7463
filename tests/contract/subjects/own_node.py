"""Algorand: a node of one's own, where there is one; blocks come when they come."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4

from attrs import field, frozen

from adapters.algorand import connect
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId
from domain.operation import Draft, Intent, LeaseWindow, Slot
from domain.signing import PublicKey, Signature
from domain.token import TokenKind
from tests.adapters.algorand.on_devnet.world import CEILING, FUNGIBLE, Account, a_network
from tests.contract.subjects import AWindowedChain
from tests.own_node import OwnNode, is_named, own_node

#: What a test spends at most, in microalgos; what is left is taken back.
FUNDS = 1_000_000


@contextmanager
def _chain() -> Iterator[AWindowedChain]:
    with own_node() as node:
        network = a_network(node.caip2, node.genesis_hash)
        endpoint = Endpoint(url=node.nodes[0].url, token=node.token, archival=True)
        treasury, owner = Account(), Account()
        node.fund(treasury.address, FUNDS)
        yield OwnNodeSubject(
            node,
            chain=connect(network, endpoint, InstallationId(uuid4())),
            keys={each.address: each for each in (treasury, owner)},
            treasury=treasury.address,
            owner=owner.address,
        )
        for each in (owner, treasury):
            node.take_back(each.address, each._key)


if is_named():
    chain = windowed_chain = _chain


@frozen
class OwnNodeSubject(AWindowedChain):
    node: OwnNode
    chain: Chain = field(kw_only=True)
    keys: Mapping[str, Account] = field(kw_only=True, repr=False)
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
        return [self.keys[each.signer].sign(each.message) for each in draft.signables]

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        """In the window of now, or in the next one where too little is left of it."""
        width = self.chain.network.window
        now = self.node.round
        left = width - (now + 1) % width
        if left < 15:
            self.pass_rounds(now + left)
        terms = self.chain.slot_terms(intent)
        assert isinstance(terms, LeaseWindow), terms
        return Slot(
            number=number,
            network=self.chain.network.id,
            signer=intent.sender,
            lease=terms.lease,
            valid_until=terms.valid_until,
        )

    def mine(self, blocks: int = 1) -> None:
        self.node.mine(blocks)
        self.node.await_all_of(self.treasury)

    def finalise(self) -> None:
        """Every block is."""

    def raise_price(self) -> None:
        """An owner that exists is not paid for by the next draft."""
        self.node.fund(self.owner, 100_000)

    def pass_rounds(self, number: int) -> None:
        while self.node.round < number:
            self.node.mine()
