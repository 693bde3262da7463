"""The house on its real parts: PostgreSQL, a node, keys in envelopes.

Its checks have eyes of their own: SQL as the superuser, JSON-RPC to the node itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from attrs import evolve

from adapters import local_keys, pool
from adapters.evm import connect as connect_chain
from adapters.memory.clock import MemoryClock
from adapters.postgres import connect as connect_store
from adapters.system import SystemIdentifiers
from application.accounts.create_key import CreateAccountKey
from application.operator.treasury import CreateTreasury
from application.ports.chain import Chain, ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import InstallationId, NetworkId, OperationId
from domain.network import Family, Finality, Network, NetworkClass
from domain.operation import Signer
from domain.token import Token, TokenKind
from entrypoints.devnet.anvil import Anvil
from tests.application.house import House
from tests.application.mortal import Fate
from tests.contract.subjects.postgres import application_url, database

KIND = TokenKind("erc20_mintable")
PARAMETERS = {"name": "Gold", "symbol": "GLD", "decimals": 2, "initial_supply": "1000"}
GRANTED = 100_000
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


class RealHouse(House):
    """One organisation that may do much; the treasury, its funds and the factory are there.

    The business clock is moved by the test; leases run on the database's, and end when the test
    says so.
    """

    custodian_scheme = "local-keys"

    def __init__(self, url: str, anvil: Anvil, nodes: Sequence[str], network: Network) -> None:
        self.url, self.anvil = url, anvil
        self.clock = MemoryClock(datetime.now(UTC))
        self.identifiers = SystemIdentifiers(self.clock)
        self.store = connect_store(application_url(url), min_size=1, max_size=64)
        self.store.open()
        self.chain = self._chain(network, nodes)
        self.custodian = local_keys.connect(self.store, {1: bytes(32)})
        self.move_in()
        self.set_tariff(self.registered.organisation.id, TariffName.ENTERPRISE, "for the test")
        self.grant(GRANTED)

    def _chain(self, network: Network, nodes: Sequence[str]) -> Chain:
        """As assembled in the product; pauses of nodes that failed run on the test's clock."""
        installation = InstallationId(uuid4())
        endpoints = [Endpoint(url=url) for url in nodes]
        members = [(each, connect_chain(network, each, installation)) for each in endpoints]
        return pool.connect(network, members, self.clock.seconds)

    def _treasury(self) -> Signer:
        parts: dict[str, Any] = {
            "store": self.store,
            "chains": self.chains,
            "clock": self.clock,
            "identifiers": self.identifiers,
        }
        key = CreateAccountKey(**parts, custodians={self.custodian_scheme: self.custodian})
        create = CreateTreasury(**parts, create_key=key, custodian=self.custodian_scheme)
        treasury = create(self.network)
        assert not isinstance(treasury, Refusal), treasury
        self.anvil.call("anvil_setBalance", treasury.signer.address, hex(10**24))
        for _ in range(200):
            if treasury.installation is None or not self._is_installing():
                return treasury.signer
            self.life(Fate({}))
            self.mine_if_asked()
            self.pass_time(timedelta(seconds=6))
        raise AssertionError("the factory was not installed")

    def _is_installing(self) -> bool:
        return bool(self.sql("SELECT FROM operations WHERE due_at IS NOT NULL"))

    def mine_if_asked(self) -> None:
        """A node in the fast profile mines by itself."""

    def token(self, **changes: object) -> Token:
        token = self.chain.token(KIND, PARAMETERS | changes)
        assert isinstance(token, Token), token
        return token

    # Time and the world.

    def lives_once(self, fate: Fate) -> None:
        self.life(fate)
        self.leases_run_out()
        self.pass_time(timedelta(seconds=9))
        if self.is_halted:
            with suppress(ChainUnavailableError):
                self.operator_looks()

    def leases_run_out(self) -> None:
        """Eight seconds pass for the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in ("operations", "signers"):
                connection.execute(
                    f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 second'"
                    " WHERE lease_until IS NOT NULL"
                )

    # Eyes of our own.

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def tokens(self, id: OperationId) -> int:
        """How many contracts the operation's result names: none, or one, by the node's word."""
        ((address,),) = self.sql("SELECT predicted FROM deployments WHERE id = %s", id)
        code = self.anvil.call("eth_getCode", address, "latest") if address else "0x"
        return int(code != "0x")

    def nonces_used(self) -> int:
        return int(
            str(self.anvil.call("eth_getTransactionCount", self.signer.address, "latest")), 16
        )

    def state_of(self, id: OperationId) -> str:
        ((state,),) = self.sql("SELECT state::text FROM operations WHERE id = %s", id)
        return str(state)

    def is_paid_once(self, id: OperationId) -> None:
        """One contract, one hold that was captured, one posting each."""
        assert self.state_of(id) == "Completed"
        assert self.tokens(id) == 1
        self._hold_is(id, "captured")

    def is_given_back(self, id: OperationId) -> None:
        assert self.state_of(id) == "Failed"
        assert self.tokens(id) == 0
        self._hold_is(id, "released")

    def _hold_is(self, id: OperationId, ending: str) -> None:
        holds = self.sql("SELECT state::text, amount FROM holds WHERE subject = %s", id)
        assert holds == [(ending, 5)]
        lines = self.sql(
            "SELECT action, amount FROM journal WHERE subject = %s ORDER BY sequence", id
        )
        assert lines == [("credits.held", 5), (f"credits.{ending}", 5)]

    def books_are_right(self) -> None:
        """No open hold, no gap, no credit from nowhere."""
        organisation = self.registered.organisation.id
        assert self.sql("SELECT count(*) FROM holds WHERE state = 'held'") == [(0,)]
        ((available, held),) = self.sql(
            "SELECT available, held FROM wallets WHERE organisation_id = %s", organisation
        )
        spent = self._sum("credit = 'spent'")
        assert (held, available + spent) == (0, self._sum("debit::text LIKE 'issued:%%'"))
        for table in ("journal", "audit_events"):
            ((lines, first, last, distinct),) = self.sql(
                f"SELECT count(*), min(sequence), max(sequence), count(DISTINCT sequence)"
                f" FROM {table} WHERE organisation_id = %s",
                organisation,
            )
            assert (lines, first, last) == (distinct, 1, lines), table
        assert self.sql(
            "SELECT count(*) FROM audit_events WHERE organisation_id = %s"
            " AND action LIKE 'credits.%%'",
            organisation,
        ) == self.sql("SELECT count(*) FROM journal WHERE organisation_id = %s", organisation)

    def _sum(self, condition: str) -> int:
        ((amount,),) = self.sql(
            f"SELECT coalesce(sum(amount), 0)::bigint FROM journal"
            f" WHERE organisation_id = %s AND {condition}",
            self.registered.organisation.id,
        )
        return int(amount)


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
