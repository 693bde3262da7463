"""Blocks and their hashes.

In a block a transaction lacks its genesis id and hash, which the block has: whoever wants its id
back must add them first.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from entrypoints.devnet.algod.applied import Applied
from entrypoints.devnet.algod.encoding import Fields, digest, pack
from entrypoints.devnet.algod.genesis import FIRST_COUNT, PROTOCOL, Genesis
from entrypoints.devnet.algod.transactions import Group, SignedTransaction


@dataclass(frozen=True)
class Included:
    """A transaction in a block, and what it did."""

    transaction: SignedTransaction
    applied: Applied

    def fields(self) -> dict[str, Any]:
        """As it stands in the block.  `hgi`: it named the genesis id."""
        txn = {
            name: value
            for name, value in self.transaction.txn.items()
            if name not in {"gen", "gh"}
        }
        fields = {**self.transaction.fields, "txn": txn, **self.applied.fields()}
        return {**fields, "hgi": True} if "gen" in self.transaction.txn else fields


@dataclass(frozen=True)
class Block:
    header: Fields
    #: The groups in order, a transaction sent alone being a group of one.
    groups: tuple[Group, ...]
    payset: tuple[Included, ...]

    @property
    def round(self) -> int:
        round: int = self.header.get("rnd", 0)
        return round

    @property
    def timestamp(self) -> int:
        timestamp: int = self.header["ts"]
        return timestamp

    @cached_property
    def hash(self) -> bytes:
        return digest(b"BH", pack(self.header))

    @property
    def txids(self) -> list[str]:
        return [included.transaction.txid for included in self.payset]


def first_block(genesis: Genesis) -> Block:
    header = {
        **_constants(genesis),
        "rnd": 0,
        "ts": genesis.timestamp,
        "tc": FIRST_COUNT,
        "txn": _commitment(()),
    }
    return Block(header, (), ())


def next_block(
    genesis: Genesis,
    previous: Block,
    timestamp: int,
    counter: int,
    groups: tuple[Group, ...],
    payset: tuple[Included, ...],
) -> Block:
    """`counter`: the number of the last transaction, those of this block included."""
    header = {
        **_constants(genesis),
        "rnd": previous.round + 1,
        "prev": previous.hash,
        "seed": digest(b"", b"seed" + previous.hash),
        "ts": max(timestamp, previous.timestamp),
        "tc": counter,
        "txn": _commitment(payset),
        "fc": sum(included.transaction.fee for included in payset),
    }
    return Block(header, groups, payset)


def _constants(genesis: Genesis) -> dict[str, Any]:
    return {
        "gen": genesis.id,
        "gh": genesis.hash,
        "proto": PROTOCOL,
        "fees": genesis.fee_sink,
        "rwd": genesis.rewards_pool,
    }


def _commitment(payset: tuple[Included, ...]) -> bytes:
    """Flat, as in the first protocols: nobody here asks for a proof of inclusion."""
    return digest(b"PF", pack([included.fields() for included in payset]))
