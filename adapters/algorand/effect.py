"""Whether something that an intent creates exists, and which transaction made it.

Assets of the issuer that are like the planned one are *candidates*; ours is the one whose creation
carries our note.  Only the issuer's key makes assets of the issuer, so nobody else can leave that
note there.  A candidate is like the plan in all that can never change: its roles may have been
given away since.  What is said of assets here holds for applications, which are counted with them.

An asset's id is the number of its transaction, counted from the first one of the chain, and every
block's header tells the count at its end (``tc``).  So the block that made it is the first one
whose count has reached the id, and is found by halving: some 26 headers on the main network.

A node without an archive cannot tell whose an old candidate is.  Ours it cannot be where the
oldest block that the node has kept, in which or before which it was made, is from before the
operation: its id tells when that was asked for.  Assets are counted, so candidates are looked at
from the newest one on, and behind one that is too old are none but older ones.

That there is none is *lasting* from the round on with which the windows are over that were given
away before this process saw the chain (see `window`).  Before, an attempt that a restored backup
has forgotten may still land: absence is then no reason to give anything back.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import Lock

from attrs import field, frozen

from adapters.algorand.assets import Asset
from adapters.algorand.reads import Reader, costs_of, creates
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.identifiers import OperationId, instant_of
from domain.network import Block
from domain.operation import Effect, NoEffect, TransactionId

#: How many origins are remembered: an issuer's own candidates, many times over.
REMEMBERED = 4_096
#: How far our clock and those of the network may be apart: a block says when it was proposed.
CLOCKS_DIFFER = timedelta(minutes=10)


class PrunedError(HistoryUnavailableError):
    """The block that made an asset is older than all that the node has kept."""

    def __init__(self, message: str, oldest: int) -> None:
        super().__init__(message)
        #: The oldest round that the node has: the asset was made in it or before.
        self.oldest = oldest


@frozen(kw_only=True)
class Origin:
    """The transaction that created an asset: what can never change."""

    block: Block
    transaction_id: TransactionId
    note: bytes = field(repr=False)
    #: None: it made an application.
    asset: Asset | None
    #: With which an application was called when it was made.
    arguments: Sequence[bytes] = field(repr=False)
    #: What each sender of its group paid.
    costs: Mapping[str, int]

    def as_effect(self, token: str, sender: str) -> Effect:
        return Effect(
            token=token,
            transaction_id=self.transaction_id,
            raw=None,
            block=self.block,
            is_final=True,
            cost=self.costs.get(sender, 0),
        )


class Origins:
    """Origins by asset, found once; safe for threads."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._known: OrderedDict[int, Origin] = OrderedDict()
        self._lock = Lock()

    def of(self, reader: Reader, asset: int, last_round: int) -> Origin:
        """The origin of an asset or application that exists in *last_round*.

        Raises:
            PrunedError: the node does not have its block any more.
            HistoryUnavailableError: it lost its block while it was looked for.
        """
        with self._lock:
            known = self._known.get(asset)
        if known is None:
            known = _origin(reader, asset, last_round)
            with self._lock:
                self._known[asset] = known
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
        return known


def absent(reader: Reader, round: int, lasting_from: int) -> NoEffect:
    """It was not there in *round*; absence is lasting in round *lasting_from* and after it."""
    at = reader.existing_block(round)
    return NoEffect(at, is_lasting=at.number >= lasting_from)


def is_before(reader: Reader, number: int, operation: OperationId) -> bool:
    """Whether the block of that round was there when the operation was asked for."""
    asked_at = instant_of(operation)
    return asked_at is not None and reader.instant(number) <= asked_at - CLOCKS_DIFFER


def _origin(reader: Reader, asset: int, last_round: int) -> Origin:
    number = _round_of(reader, asset, last_round)
    entries = reader.entries(number)
    made = next((entry for entry in entries if entry.created == asset), None)
    if made is None or not creates(made.fields):
        msg = f"round {number} does not have the creation of {asset} that its count tells of"
        raise ChainUnavailableError(msg)
    parameters = None
    if made.fields["type"] == "acfg":
        try:
            parameters = Asset.from_fields(made.fields["snd"], made.fields.get("apar", {}))
        except TypeError as error:
            raise ChainUnavailableError(f"round {number}: {error}") from error
    return Origin(
        block=reader.existing_block(number),
        transaction_id=made.id,
        note=made.fields.get("note", b""),
        asset=parameters,
        arguments=made.fields.get("apaa", []),
        costs=costs_of(entry.fields for entry in made.group_among(entries)),
    )


def _round_of(reader: Reader, asset: int, last_round: int) -> int:
    """The first round whose count of transactions has reached *asset*.

    A node that keeps only its newest blocks has none of the older ones: those are taken for too
    old, until the answer would rest on one of them.
    """
    below, reached, is_known = -1, last_round, True
    while reached - below > 1:
        middle = (below + reached) // 2
        count = reader.counter(middle)
        if count is not None and count >= asset:
            reached = middle
        else:
            below, is_known = middle, count is not None
    if not is_known:
        msg = (
            f"{asset} was created in round {reached} or before, and {reader.node.name} does "
            f"not have round {below} any more: ask an archival node"
        )
        raise PrunedError(msg, reached)
    return reached
