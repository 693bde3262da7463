"""Who sends transactions, and where to: what belongs to no organisation."""

from datetime import timedelta

from attrs import frozen

from adapters.postgres import queries, rows
from adapters.postgres.transaction import Transaction
from application.ports.storage.deployments import Networks, Signers, SlotUse
from application.ports.storage.work import FenceLostError, Lock
from domain.errors import MisuseError
from domain.identifiers import INSTALLATION, NetworkId
from domain.network import Network, NetworkStatus
from domain.operation import Signer
from domain.treasury import Holding

SIGNERS = queries.load("signers.sql")


@frozen
class PostgresSigners(Signers):
    _transaction: Transaction

    def add(self, signer: Signer) -> bool:
        row = rows.signer_to_row(signer)
        return self._transaction.change(SIGNERS["insert_signer"], row) == 1

    def get(self, network: NetworkId, address: str) -> Signer | None:
        return self._signer("select_signer", network, address)

    def treasury(self, network: NetworkId) -> list[Signer]:
        (found,) = self._transaction.read((SIGNERS["select_treasury"], {"network": network}))
        return [rows.signer_from_row(row) for row in found]

    def of_network(self, network: NetworkId) -> list[Signer]:
        found = self._transaction.rows(SIGNERS["select_signers_of_network"], {"network": network})
        return [rows.signer_from_row(row) for row in found]

    def lock(self, network: NetworkId, address: str) -> Signer | None:
        self._transaction.enter(Lock.SIGNER, (network, address))
        return self._signer("lock_signer", network, address)

    def put(self, signer: Signer) -> None:
        row = rows.signer_to_row(signer)
        if self._transaction.change(SIGNERS["update_signer"], row) == 1:
            return
        if self.get(signer.network, signer.address) is None:
            raise MisuseError(f"there is no signer {signer.address} on {signer.network}")
        raise FenceLostError(f"{signer.address} on {signer.network} has been taken since")

    def open_slots(self, network: NetworkId, address: str) -> int:
        parameters = {"network": network, "address": address}
        row = self._transaction.row(SIGNERS["count_open_slots"], parameters)
        return row["count"] if row else 0

    def lowest_open(self, network: NetworkId, address: str) -> SlotUse | None:
        if self._transaction.scope.organisation != INSTALLATION:
            raise MisuseError("only the installation sees the slots of all organisations")
        parameters = {"network": network, "address": address}
        row = self._transaction.row(SIGNERS["lowest_open_slot"], parameters)
        if row is None:
            return None
        return SlotUse(
            organisation=row["organisation_id"],
            operation=row["operation_id"],
            sequence=row["sequence"],
            has_attempt=row["has_attempt"],
        )

    def take_lease(self, network: NetworkId, address: str, lease: timedelta) -> Signer | None:
        if self.lock(network, address) is None:
            raise MisuseError(f"there is no signer {address} on {network}")
        parameters = {"network": network, "address": address, "lease": lease}
        row = self._transaction.row(SIGNERS["take_signer_lease"], parameters)
        return rows.signer_from_row(row) if row else None

    def check_fence(self, signer: Signer) -> None:
        current = self.lock(signer.network, signer.address)
        if current is None or current.fence != signer.fence:
            raise FenceLostError(f"{signer.address} on {signer.network} has been taken since")

    def holding(self, network: NetworkId, address: str) -> Holding | None:
        parameters = {"network": network, "address": address}
        (found,) = self._transaction.read((SIGNERS["select_holding"], parameters))
        return rows.holding_from_row(found[0]) if found else None

    def put_holding(self, holding: Holding) -> None:
        row = rows.holding_to_row(holding)
        name = f"signer {holding.address} on {holding.network}"
        self._transaction.update(name, SIGNERS["update_holding"], row)

    def _signer(self, query: str, network: NetworkId, address: str) -> Signer | None:
        row = self._transaction.row(SIGNERS[query], {"network": network, "address": address})
        return rows.signer_from_row(row) if row else None


@frozen
class PostgresNetworks(Networks):
    _transaction: Transaction

    def register(self, network: Network) -> None:
        known = self._transaction.row(
            SIGNERS["register_network"],
            {
                "id": network.id,
                "name": network.name,
                "family": network.family.value,
                "class": network.network_class.value,
                "genesis": network.genesis,
            },
        )
        if known is None:
            raise MisuseError(f"{network.id} is registered in another class or as another chain")

    def status(self, id: NetworkId) -> NetworkStatus:
        return self._status("select_network", id)

    def lock(self, id: NetworkId) -> NetworkStatus:
        self._transaction.enter(Lock.NETWORK, id)
        return self._status("lock_network", id)

    def put(self, status: NetworkStatus) -> None:
        row = rows.network_status_to_row(status)
        self._transaction.update(f"network {status.id}", SIGNERS["update_network"], row)

    def _status(self, query: str, id: NetworkId) -> NetworkStatus:
        row = self._transaction.row(SIGNERS[query], {"id": id})
        if row is None:
            raise MisuseError(f"network {id} is not registered")
        return rows.network_status_from_row(row)
