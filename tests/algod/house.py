"""The house with Algorand beneath it: two algod nodes over HTTP, the real SDK, the real adapter.

Its eyes are the simulator's ledger, which knows nothing of the adapter: an asset is an operation's
if the note of the transaction that created it says so, and so is what a call did.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from algosdk import account

from adapters import algorand, pool
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from adapters.memory.storage import MemoryStore
from adapters.system import SystemIdentifiers
from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from application.ports.nodes import Endpoint
from domain.deployment import Deployment, State
from domain.identifiers import InstallationId, NetworkId, OperationId, Prefix, public_id
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import SignedTransaction, Submission, Verdict
from domain.token import Token, TokenKind
from entrypoints.devnet.algod import Confirmed, CreatedAsset
from entrypoints.devnet.algod import Network as Devnet
from tests.application.house import LEASE_IS_OVER, House
from tests.application.mortal import Fate

KIND = TokenKind("asa_ft")
PARAMETERS = {"name": "Gold", "unit_name": "GLD", "decimals": 2, "total": "1000"}
MINTABLE, SECURITY = TokenKind("arc200_mintable"), TokenKind("arc1400_mintable")
CONTRACTS = {
    MINTABLE: {
        "name": "Hazel Voucher", "symbol": "HZV", "decimals": 2, "initial_supply": "1000",
    },
    SECURITY: {"name": "Elm Street", "symbol": "ELM", "decimals": 0, "initial_supply": "1000"},
}  # fmt: skip
#: Rounds in a window: few, so that a test can let one pass.
WINDOW = 40
FUNDS = 10**12
INSTALLATION_ID = InstallationId(UUID(int=42))


def a_network(devnet: Devnet, **changes: Any) -> Network:
    described: dict[str, Any] = {
        "id": NetworkId(devnet.caip2),
        "name": "devnet",
        "family": Family.ALGORAND,
        "network_class": NetworkClass.DEVELOPMENT,
        "finality": Finality(depth=0),
        "fee_ceiling": 10_000,
        "native_currency": "ALGO",
        "native_decimals": 6,
        "poll": timedelta(milliseconds=50),
        "replace_after": timedelta(seconds=30),
        "genesis": devnet.genesis_hash,
        "min_sources": min(2, len(devnet.nodes)),
        "window": WINDOW,
        "avm": 12,
    }
    return Network(**described | changes)


class Refusing:
    """Nodes that say of some bytes that they can never land."""

    def __init__(self, chain: Chain, refusals: list[bool]) -> None:
        self._chain, self._refusals = chain, refusals

    def submit(self, transaction: SignedTransaction) -> Submission:
        if not self._refusals:
            return self._chain.submit(transaction)
        if self._refusals.pop(0):
            self._chain.submit(transaction)
        return Submission(Verdict.REJECTED, "at least one signature didn't pass verification")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)


class AlgodHouse(House):
    """One organisation, its treasury funded, in manual mode: a life, then a block."""

    def __init__(self, devnet: Devnet, *, funds: int = FUNDS, **changes: Any) -> None:
        self.devnet = devnet
        self.clock = MemoryClock()
        # Never the same id twice: houses share a chain.
        self.identifiers = SystemIdentifiers(self.clock)
        self.store = MemoryStore(lease_clock=self.clock.seconds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentOnlyWarning)
            self.custodian = MemoryCustodian()
        self.connect(a_network(devnet, **changes))
        self.move_in()
        if funds:
            devnet.fund(self.signer.address, funds)

    @property
    def refusals(self) -> list[bool]:
        """Of the next submissions, each refused: whether it is taken all the same."""
        made: list[bool] = self.__dict__.setdefault("_refusals", [])
        return made

    def connect(self, network: Network) -> None:
        """A process's view of the network, as after a restart: nothing is remembered of nodes."""
        members = []
        for node in self.devnet.nodes:
            endpoint = Endpoint(url=node.url, token=self.devnet.token, archival=True)
            made = algorand.connect(
                network, endpoint, INSTALLATION_ID, document_url=self.metadata.url_of
            )
            members.append((endpoint, made))
        # Nodes that failed rest by the business clock, which the test moves.
        nodes = pool.connect(network, members, self.clock.seconds)
        self.chain = Refusing(nodes, self.refusals)  # type: ignore[assignment]  # passes all on

    def token(self, **changes: object) -> Token:
        token = self.chain.token(KIND, PARAMETERS | changes)
        assert isinstance(token, Token), token
        return token

    def contract(self, kind: TokenKind = MINTABLE, **changes: object) -> Token:
        """A token that is an application: made in two steps, and orders can be given to it."""
        token = self.chain.token(kind, CONTRACTS[kind] | changes)
        assert isinstance(token, Token), token
        return token

    def issue(self, **changes: Any) -> Deployment:
        """Such a token, completed."""
        id = self.deploy(**{"token": self.contract()} | changes).id
        self.lives(Fate({}))
        assert self.get(id).state is State.COMPLETED
        return self.get(id)

    @property
    def a_stranger(self) -> str:
        made: str = self.__dict__.setdefault("_stranger", account.generate_account()[1])
        return made

    # Time and the world.

    def lives_once(self, fate: Fate) -> None:
        self.life(fate)
        self.pass_time(LEASE_IS_OVER)
        self.devnet.mine()
        if self.is_halted:
            for node in self.devnet.nodes:
                node.heal("wrong_genesis")
            with suppress(ChainUnavailableError, WrongChainError):
                self.operator_looks()

    def window_passes(self) -> None:
        """Nothing that was signed so far can land any more."""
        self.devnet.advance(self.chain.network.window)

    def go_to(self, place: int) -> None:
        """Let rounds pass until the next one is that far into a window."""
        here = (self.devnet.round + 1) % WINDOW
        self.devnet.advance((place - here) % WINDOW or WINDOW)

    def heal(self) -> None:
        for node in self.devnet.nodes:
            node.heal()

    def hits(self) -> Counter[str]:
        """How often each fault struck, on any node."""
        counted: Counter[str] = Counter()
        for node in self.devnet.nodes:
            counted.update(node.hits)
        return counted

    # Eyes of our own.

    def assets(self, id: OperationId) -> list[CreatedAsset]:
        name = public_id(Prefix.DEPLOYMENT, id).encode()
        return [asset for asset in self.devnet.ledger.assets() if name in asset.note]

    def calls(self, operation: Deployment) -> list[Confirmed]:
        """What its notes say that it did on chain: the last of them is its effect."""
        return self._noted(operation.named)

    def _noted(self, name: str) -> list[Confirmed]:
        found = self.devnet.ledger.transactions()
        return [each for each in found if name.encode() in each.note]

    def tokens(self, id: OperationId) -> int:
        """Of whichever organisation."""
        deployed = self._noted(public_id(Prefix.DEPLOYMENT, id))
        created = [each.created_asset or each.created_application for each in deployed]
        return len([each for each in created if each])

    def effects(self, operation: Deployment) -> int:
        if operation.order is None:
            return self.tokens(operation.id)
        return len(self.calls(operation))

    def supply(self, token: Deployment) -> int:
        """By what the contract has written down."""
        application = self.devnet.ledger.application(int(token.result or 0))
        assert application is not None
        total = application.state[b"t"]
        assert isinstance(total, bytes)
        return int.from_bytes(total, "big")

    def is_settled(self, deployment: Deployment) -> None:
        """One asset that is paid for, or none, now and for ever, and no bill."""
        ended = self.get(deployment.id)
        if ended.state is State.COMPLETED:
            self.is_completed_once(deployment)
            return
        self.is_intact()
        assert ended.state is State.CANCELLED or ended.may_retry, (ended.state, ended.failure)
        assert self.assets(deployment.id) == []

    def is_completed_once(self, deployment: Deployment) -> None:
        """One asset, as it was asked for, and what the deployment says is its id; one bill."""
        self.is_intact()
        ended = self.get(deployment.id)
        assert ended.state is State.COMPLETED, (ended.state, ended.waiting, ended.failure)
        (asset,) = self.assets(deployment.id)
        assert ended.result == str(asset.id)
        assert asset.creator == ended.owner
        assert asset.parameters is not None
        assert asset.parameters.total == int(str(PARAMETERS["total"]))


@contextmanager
def restored(house: AlgodHouse) -> Iterator[None]:
    """What happens inside is forgotten by the database, and by nobody else."""
    backup = house.backup()
    yield
    house.restore(backup)
