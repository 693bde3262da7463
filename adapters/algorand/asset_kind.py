"""What all kinds of standard assets share: one creation, and a state that the protocol keeps."""

from abc import abstractmethod

from algosdk import transaction
from attrs import frozen

from adapters.algorand.assets import Asset
from adapters.algorand.deed import Deed, Sight
from adapters.algorand.effect import PrunedError, is_before
from adapters.algorand.kind import Kind
from adapters.algorand.reads import Reader
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.operation import Effect, Intent, NoEffect
from domain.token import Power, TokenState

#: What an account must hold more for each asset it holds, and its creator holds it
#: (go-algorand, config/consensus.go: MinBalance).
PER_ASSET = 100_000


@frozen
class AssetCreation(Deed):
    asset: Asset

    @property
    def locked(self) -> int:
        return PER_ASSET

    def deposit(self, reader: Reader) -> None:  # noqa: ARG002 - the issuer's account is all
        return None

    def transaction(
        self, sender: str, header: transaction.SuggestedParams, note: bytes, lease: bytes
    ) -> transaction.Transaction:
        asset = self.asset
        return transaction.AssetCreateTxn(
            sender,
            header,
            total=asset.total,
            decimals=asset.decimals,
            default_frozen=asset.default_frozen,
            manager=asset.manager,
            reserve=asset.reserve,
            freeze=asset.freeze,
            clawback=asset.clawback,
            unit_name=asset.unit_name.decode(),
            asset_name=asset.name.decode(),
            url=asset.url.decode(),
            metadata_hash=asset.metadata_hash,
            note=note,
            lease=lease,
        )

    def effect(self, sight: Sight) -> Effect | NoEffect:
        reader, intent = sight.reader, sight.intent
        owner = reader.account_with_creations(intent.owner)
        for id, asset in sorted(owner.assets.items(), reverse=True):
            if not self.asset.is_like(asset):
                continue
            try:
                origin = sight.origins.of(reader, id, owner.round)
            except PrunedError as error:
                if is_before(reader, error.oldest, intent.operation):
                    break
                raise
            if origin.note == sight.note:
                return origin.as_effect(str(id), intent.sender)
        return sight.nothing(owner.round)


class AssetKind(Kind):
    @abstractmethod
    def asset(self, intent: Intent) -> Asset:
        """The asset that the intent's step creates."""

    def deed(self, intent: Intent, operation: bytes) -> AssetCreation:  # noqa: ARG002 - its note tells
        return AssetCreation(self.asset(intent))

    def planned(self, intent: Intent) -> TokenState:
        return _state(self.asset(intent))

    def state(self, reader: Reader, place: str) -> TokenState | None:
        found = reader.asset(int(place)) if place.isascii() and place.isdigit() else None
        return None if found is None else _state(found)

    def differences(self, sight: Sight, token: str) -> tuple[str, ...]:
        planned, reader = self.asset(sight.intent), sight.reader
        id = int(token) if token.isascii() and token.isdigit() else 0
        last_round = reader.parameters().last_round
        found = reader.asset(id)
        if found is None and (reader.counter(last_round) or 0) < id:
            # It was seen in a block before: this node has not counted as far yet.
            raise ChainUnavailableError(f"round {last_round} is before that of asset {token}")
        if found is None:
            return (f"there is no asset {token}",)
        differences = tuple(planned.differences(found))
        try:
            origin = sight.origins.of(reader, id, last_round)
        except HistoryUnavailableError:
            return differences
        if origin.note != sight.note or origin.asset is None:
            return (*differences, f"note: planned {sight.note!r}, found {origin.note!r}")
        # Its manager may have used it since: what counts is what it was when it was made.
        return tuple(planned.differences(origin.asset))


def _state(asset: Asset) -> TokenState:
    holders = {
        Power.MANAGE: asset.manager,
        Power.RESERVE: asset.reserve,
        Power.FREEZE: asset.freeze,
        Power.CLAWBACK: asset.clawback,
    }
    return TokenState(
        name=asset.name.decode(errors="replace"),
        symbol=asset.unit_name.decode(errors="replace"),
        decimals=asset.decimals,
        supply=asset.total,
        powers={power: (holder,) for power, holder in holders.items() if holder is not None},
        frozen_by_default=asset.default_frozen,
        url=asset.url.decode(errors="replace") or None,
        metadata_hash=asset.metadata_hash.hex() or None,
    )
