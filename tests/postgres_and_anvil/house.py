"""The house on its real parts: PostgreSQL, a node, keys in envelopes.

Its checks have eyes of their own: SQL as the superuser, JSON-RPC to the node itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from attrs import evolve

from adapters import pool
from adapters.evm import connect as connect_chain
from application.ports.chain import Chain
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId, NetworkId, OperationId
from domain.network import Family, Finality, Network, NetworkClass
from domain.token import Token, TokenKind
from entrypoints.devnet.anvil import Anvil
from tests.contract.subjects.postgres import database
from tests.postgres_house import PostgresHouse

KIND = TokenKind("erc20_mintable")
PARAMETERS = {"name": "Gold", "symbol": "GLD", "decimals": 2, "initial_supply": "1000"}
NETWORK = Network(
    id=NetworkId("eip155:31337"),
    name="anvil",
    family=Family.EVM,
    network_class=NetworkClass.DEVELOPMENT,
    finality=Finality(tag="finalized"),
    fee_ceiling=500 * 10**9,
    native_currency="ETH",
    native_decimals=18,
    poll=timedelta(milliseconds=50),
    replace_after=timedelta(seconds=30),
)


class RealHouse(PostgresHouse):
    """On a node that makes blocks by itself, with the factory installed."""

    def __init__(self, url: str, anvil: Anvil, nodes: Sequence[str], network: Network) -> None:
        self.anvil, self._nodes, self._described = anvil, nodes, network
        self.installation = InstallationId(uuid4())
        super().__init__(url)

    def _chain(self) -> Chain:
        endpoints = [Endpoint(url=url) for url in self._nodes]
        members = [
            (each, connect_chain(self._described, each, self.installation)) for each in endpoints
        ]
        return pool.connect(self._described, members, self.clock.seconds)

    def _fund(self, address: str) -> None:
        self.anvil.call("anvil_setBalance", address, hex(10**24))

    def token(self, **changes: object) -> Token:
        token = self.chain.token(KIND, PARAMETERS | changes)
        assert isinstance(token, Token), token
        return token

    # Eyes of our own.

    def tokens(self, id: OperationId) -> int:
        """How many contracts the operation's result names: none, or one, by the node's word."""
        ((address,),) = self.sql("SELECT predicted FROM deployments WHERE id = %s", id)
        code = self.anvil.call("eth_getCode", address, "latest") if address else "0x"
        return int(code != "0x")

    def nonces_used(self) -> int:
        return int(
            str(self.anvil.call("eth_getTransactionCount", self.signer.address, "latest")), 16
        )


@contextmanager
def a_house(
    anvil: Anvil, *nodes: str, house: type[RealHouse] = RealHouse, **changes: Any
) -> Iterator[RealHouse]:
    """A house of its own database and treasury, on a node that others may use as well."""
    with database() as url:
        made = house(url, anvil, nodes or [anvil.url], evolve(NETWORK, **changes))
        try:
            yield made
        finally:
            made.store.close()
