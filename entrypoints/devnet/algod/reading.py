"""The ledger as a test reads it: the truth, not what any node says."""

from collections.abc import Iterator
from dataclasses import dataclass

from entrypoints.devnet.algod.accounts import Account, AssetParameters
from entrypoints.devnet.algod.applications import Application
from entrypoints.devnet.algod.encoding import address_bytes, address_text
from entrypoints.devnet.algod.state import View
from entrypoints.devnet.algod.world import World


@dataclass(frozen=True)
class Confirmed:
    """A transaction in a block."""

    txid: str
    round: int
    type: str
    sender: str
    fee: int
    note: bytes
    #: Whose key signs for its sender from then on; None: whose did before.
    rekeyed_to: str | None
    #: What it created; 0: nothing.
    created_asset: int
    created_application: int
    logs: tuple[bytes, ...]


@dataclass(frozen=True)
class CreatedAsset:
    id: int
    creator: str
    #: Of the transaction that created it.
    note: bytes
    txid: str
    round: int
    #: As they are now; None: it was destroyed.
    parameters: AssetParameters | None


class LedgerReader:
    """Safe for threads."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def round(self) -> int:
        with self._world.lock:
            return self._world.ledger.tip

    @property
    def _view(self) -> View:
        return self._world.ledger.view(self._world.ledger.tip)

    def account(self, address: str) -> Account:
        with self._world.lock:
            return self._view.account(address_bytes(address))

    def balance(self, address: str) -> int:
        """In microalgos."""
        return self.account(address).microalgos

    def holding(self, address: str, asset: int) -> int | None:
        """In base units; None: not opted in."""
        with self._world.lock:
            held = self._view.holding(address_bytes(address), asset)
        return None if held is None else held.amount

    def asset(self, id: int) -> AssetParameters | None:
        """As they are now; None: there is no such asset, or not any more."""
        with self._world.lock:
            asset = self._view.asset(id)
        return None if asset is None else asset.parameters

    def application(self, id: int) -> Application | None:
        """As it is now; None: there is no such application, or not any more."""
        with self._world.lock:
            return self._view.application(id)

    def boxes(self, application: int) -> dict[bytes, bytes]:
        """What is in each, by name."""
        with self._world.lock:
            view = self._view
            found = {name: view.box(application, name) for name in view.boxes_of(application)}
        return {name: contents for name, contents in found.items() if contents is not None}

    def transactions(self) -> list[Confirmed]:
        """All of them, in order."""
        with self._world.lock:
            return list(self._confirmed())

    def assets(self) -> list[CreatedAsset]:
        """All that were ever created, in order."""
        return [
            CreatedAsset(
                id=each.created_asset,
                creator=each.sender,
                note=each.note,
                txid=each.txid,
                round=each.round,
                parameters=self.asset(each.created_asset),
            )
            for each in self.transactions()
            if each.created_asset
        ]

    def _confirmed(self) -> Iterator[Confirmed]:
        for block in self._world.ledger.blocks:
            for included in block.payset:
                transaction = included.transaction
                rekey = transaction.txn.get("rekey")
                yield Confirmed(
                    txid=transaction.txid,
                    round=block.round,
                    type=transaction.type,
                    sender=address_text(transaction.sender),
                    fee=transaction.fee,
                    note=transaction.note,
                    rekeyed_to=address_text(rekey) if rekey else None,
                    created_asset=included.applied.created_asset,
                    created_application=included.applied.created_application,
                    logs=included.applied.logs,
                )
