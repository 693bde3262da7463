"""The house on PostgreSQL with Algorand beneath it; its eyes are SQL and the nodes' ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.chain import Chain
from domain.identifiers import OperationId
from entrypoints.devnet.algod import Network as Devnet
from tests.algod.house import FUNDS, AlgodHouse, a_network
from tests.application.mortal import Fate
from tests.contract.subjects.postgres import database
from tests.postgres_house import PostgresHouse


class PostgresAlgodHouse(PostgresHouse, AlgodHouse):
    def __init__(self, url: str, devnet: Devnet) -> None:
        self.devnet = devnet
        PostgresHouse.__init__(self, url)

    def _chain(self) -> Chain:
        self.connect(a_network(self.devnet))
        return self.chain

    def _fund(self, address: str) -> None:
        self.devnet.fund(address, FUNDS)

    def lives_once(self, fate: Fate) -> None:
        super().lives_once(fate)
        self.mine_if_asked()

    def mine_if_asked(self) -> None:
        self.devnet.mine()

    # Eyes of our own.

    def creations(self) -> int:
        """By whomever, for whatever: houses of one chain live one after the other."""
        return len(self.devnet.ledger.assets())

    def is_made_once(self, *ids: OperationId) -> None:
        """Paid once each, and its one asset is the one that our records name."""
        for id in ids:
            self.is_paid_once(id)
            ((result, owner),) = self.sql(
                "SELECT result, owner FROM deployments JOIN operations USING (organisation_id, id)"
                " WHERE id = %s",
                id,
            )
            (asset,) = self.assets(id)
            assert (str(asset.id), asset.creator) == (result, owner)


@contextmanager
def a_house(devnet: Devnet) -> Iterator[PostgresAlgodHouse]:
    """A house of its own database and treasury."""
    with database() as url:
        made = PostgresAlgodHouse(url, devnet)
        try:
            yield made
        finally:
            made.store.close()
