"""A development network that speaks algod's HTTP API, and judges those who speak to it.

    encoding ─ transactions ─ verification        what comes in, and whether it is well-formed
    accounts ─ applications ─ state               what the ledger holds, at any round
    avm ─ execution ─ evaluation                  what a group does, and whether it may
    blocks ─ journal ─ ledger                     what was, for good
    pool ─ node ─ faults ─ world                  what nodes believe, and how blocks are made
    simulation ─ representations ─ api            algod's routes
    control ─ server ─ running                    the ports, in this process
    process                                       the same, in a process of its own

The rules are written from the protocol, with msgpack and an Ed25519 verifier; nothing is shared
with the adapter that is judged, nor with the SDK that it uses.  `avm` says what programs may do
here, and what they may not.
"""

from entrypoints.devnet.algod.accounts import Account, AssetParameters, Holding
from entrypoints.devnet.algod.applications import Application, Schema
from entrypoints.devnet.algod.limits import RefusedError
from entrypoints.devnet.algod.process import AlgodProcess
from entrypoints.devnet.algod.reading import Confirmed, CreatedAsset, LedgerReader
from entrypoints.devnet.algod.running import TOKEN, Network, RunningNode, devnet
from entrypoints.devnet.algod.world import Mode

__all__ = [
    "TOKEN",
    "Account",
    "AlgodProcess",
    "Application",
    "AssetParameters",
    "Confirmed",
    "CreatedAsset",
    "Holding",
    "LedgerReader",
    "Mode",
    "Network",
    "RefusedError",
    "RunningNode",
    "Schema",
    "devnet",
]
