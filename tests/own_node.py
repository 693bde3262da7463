"""``make test-algod``: the Algorand tests on a node of one's own, named by three variables.

What an ordinary client may do is all that such a node is asked.  Where it makes a block for each
transaction (development mode), blocks come by payments of nothing; elsewhere they are waited for.
Without the variables nothing here is used, and no test is collected for it.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from uuid import uuid4

import msgpack
from algosdk import encoding, mnemonic, transaction
from algosdk.error import AlgodHTTPError, WrongChecksumError, WrongMnemonicLengthError
from algosdk.v2client.algod import AlgodClient
from nacl.signing import SigningKey

from entrypoints.devnet.algod import (
    Application,
    AssetParameters,
    Confirmed,
    CreatedAsset,
    Schema,
)

ROOT = Path(__file__).parent.parent
#: The parameter's name in the tests that such a node is offered to.
NAME = "own_node"
VARIABLES = {
    "ALGOD_URL": "where its algod listens; http://localhost:4001 after `algokit localnet start`",
    "ALGOD_TOKEN": "its API token, 64 times a on a LocalNet; empty if it wants none",
    "ALGOD_KEY": "of an account with 10 Algos, of which some 5 are spent: its 25 words, or "
    "its 32 bytes in base64 or hexadecimal",
}
#: A node of a public network needs some time to see what was sent to it in a block.
MOST_ROUNDS = 20
MINIMUM_FEE = 1_000


def missing() -> list[str]:
    return [
        name
        for name in VARIABLES
        if os.environ.get(name) is None or (name != "ALGOD_TOKEN" and not os.environ[name])
    ]


def is_named() -> bool:
    return not missing()


@contextmanager
def own_node() -> Iterator[OwnNode]:
    yield OwnNode(os.environ)


class Line:
    """The one node of the network, as a house sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hits: Mapping[str, int] = {}

    def heal(self, name: str | None = None) -> None:
        """Nobody here breaks it."""


class OwnNode:
    """Understands what a development network understands, but for faults and orders."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.token = variables["ALGOD_TOKEN"]
        self.nodes = [Line(variables["ALGOD_URL"])]
        self.algod = AlgodClient(self.token, variables["ALGOD_URL"].rstrip("/"))
        self._key = private_key(variables["ALGOD_KEY"])
        self.address = str(encoding.encode_address(bytes(self._key.verify_key)))
        self._parameters = self.algod.suggested_params()
        self.ledger = Blocks(self.algod, self.round)

    @property
    def genesis_hash(self) -> str:
        return str(self._parameters.gh)

    @property
    def caip2(self) -> str:
        reference = self.genesis_hash.replace("+", "-").replace("/", "_")[:32]
        return f"algorand:{reference}"

    @property
    def round(self) -> int:
        return int(self.algod.status()["last-round"])

    def fund(self, address: str, microalgos: int) -> str:
        """Pay, and see it in a block."""
        txid = self._send([self._payment(address, microalgos)])
        for _ in range(MOST_ROUNDS):
            if self._is_confirmed(txid):
                return txid
            self._await_block()
        raise AssertionError(f"{txid} is in no block after {MOST_ROUNDS} rounds")

    def mine(self, count: int = 1) -> int:
        for _ in range(count):
            if self._is_patient:
                self._await_block()
            else:
                self.fund(self.address, 0)
        return self.round

    def advance(self, rounds: int) -> int:
        return self.mine(rounds)

    def await_all_of(self, address: str) -> None:
        """Until nothing of it waits for a block."""
        for _ in range(MOST_ROUNDS):
            pending = self.algod.pending_transactions_by_address(address)
            if not pending["total-transactions"]:
                return
            self._await_block()

    def take_back(self, address: str, key: SigningKey) -> None:
        """What an account has left, after its assets; what cannot be had is given up."""
        with suppress(AlgodHTTPError):
            created = self.algod.account_info(address).get("created-assets", [])
            group = [
                transaction.AssetDestroyTxn(address, self._free(), each["index"])
                for each in created[:14]
            ]
            group.append(
                transaction.PaymentTxn(
                    address, self._free(), self.address, 0, close_remainder_to=self.address
                )
            )
            payment = self._payment(self.address, 0, fee=(len(group) + 1) * MINIMUM_FEE)
            self._send([payment, *group], {address: key})

    @cached_property
    def _is_patient(self) -> bool:
        """Whether blocks come by the clock: in development mode a payment is in one at once."""
        return not self._is_confirmed(self._send([self._payment(self.address, 0)]))

    def _await_block(self) -> None:
        self.algod.status_after_block(self.round)

    def _is_confirmed(self, txid: str) -> bool:
        return bool(self.algod.pending_transaction_info(txid).get("confirmed-round"))

    def _payment(self, to: str, amount: int, fee: int = MINIMUM_FEE) -> transaction.PaymentTxn:
        # No two payments are the same one.
        note = uuid4().bytes
        return transaction.PaymentTxn(self.address, self._costs(fee), to, amount, note=note)

    def _free(self) -> transaction.SuggestedParams:
        """Its fee is paid by another one of its group."""
        return self._costs(0)

    def _costs(self, fee: int) -> transaction.SuggestedParams:
        now = self.algod.suggested_params()
        now.flat_fee, now.fee = True, fee
        now.last = now.first + MOST_ROUNDS
        return now

    def _send(
        self, group: list[transaction.Transaction], keys: Mapping[str, SigningKey] | None = None
    ) -> str:
        if len(group) > 1:
            group = transaction.assign_group_id(group)
        keys = {self.address: self._key, **(keys or {})}
        return str(
            self.algod.send_transactions([signed(each, keys[each.sender]) for each in group])
        )


class Blocks:
    """The chain as its blocks tell it, from the round at which somebody began to look."""

    def __init__(self, algod: AlgodClient, since: int) -> None:
        self._algod = algod
        self._seen = since
        self._confirmed: list[Confirmed] = []

    def transactions(self) -> list[Confirmed]:
        """All since then, in order."""
        last = int(self._algod.status()["last-round"])
        for number in range(self._seen + 1, last + 1):
            self._confirmed += self._entries(number)
        self._seen = last
        return list(self._confirmed)

    def assets(self) -> list[CreatedAsset]:
        """All that were created since then, in order."""
        return [
            CreatedAsset(
                id=each.created_asset,
                creator=each.sender,
                note=each.note,
                txid=each.txid,
                round=each.round,
                parameters=self._now(each.created_asset),
            )
            for each in self.transactions()
            if each.created_asset
        ]

    def application(self, id: int) -> Application:
        """With its global state as it is now."""
        found = self._algod.application_info(id)["params"]
        schema = found["global-state-schema"]
        return Application(
            creator=encoding.decode_address(found["creator"]),
            approval=base64.b64decode(found["approval-program"]),
            clear=base64.b64decode(found["clear-state-program"]),
            global_schema=Schema(schema.get("num-uint", 0), schema.get("num-byte-slice", 0)),
            local_schema=Schema(),
            extra_pages=found.get("extra-program-pages", 0),
            state={
                base64.b64decode(each["key"]): each["value"]["uint"]
                if each["value"]["type"] == 2
                else base64.b64decode(each["value"]["bytes"])
                for each in found.get("global-state", [])
            },
        )

    def _entries(self, number: int) -> Iterator[Confirmed]:
        packed = self._algod.block_info(number, response_format="msgpack")
        block = msgpack.unpackb(
            packed, raw=False, unicode_errors="surrogateescape", strict_map_key=False
        )["block"]
        entries = block.get("txns", [])
        ids = self._algod.get_block_txids(number)["blockTxids"] if entries else []
        for id, entry in zip(ids, entries, strict=True):
            txn = entry["txn"]
            yield Confirmed(
                txid=id,
                round=number,
                type=txn["type"],
                sender=encoding.encode_address(txn["snd"]),
                fee=txn.get("fee", 0),
                note=txn.get("note", b""),
                rekeyed_to=encoding.encode_address(txn["rekey"]) if "rekey" in txn else None,
                created_asset=entry.get("caid", 0),
                created_application=entry.get("apid", 0),
                logs=(),
            )

    def _now(self, asset: int) -> AssetParameters | None:
        try:
            found = self._algod.asset_info(asset)["params"]
        except AlgodHTTPError as error:
            if error.code != 404:
                raise
            return None
        roles = {
            role: encoding.decode_address(found[role]) if found.get(role) else bytes(32)
            for role in ("manager", "reserve", "freeze", "clawback")
        }
        return AssetParameters(
            total=found["total"],
            decimals=found["decimals"],
            default_frozen=found.get("default-frozen", False),
            unit_name=found.get("unit-name", ""),
            name=found.get("name", ""),
            url=found.get("url", ""),
            metadata_hash=base64.b64decode(found.get("metadata-hash") or "") or bytes(32),
            **roles,
        )


def signed(unsigned: transaction.Transaction, key: SigningKey) -> transaction.SignedTransaction:
    message = b"TX" + base64.b64decode(encoding.msgpack_encode(unsigned))
    return transaction.SignedTransaction(
        unsigned, base64.b64encode(key.sign(message).signature).decode()
    )


def private_key(text: str) -> SigningKey:
    """Of 25 words, or of a seed in base64 or hexadecimal, with the public key behind it or not.

    Raises: ValueError: it is none of these.  The text is not repeated.
    """
    raw = b""
    with suppress(ValueError, WrongChecksumError, WrongMnemonicLengthError):
        if len(text.split()) == 25:
            raw = base64.b64decode(mnemonic.to_private_key(text))
        elif len(text) in {64, 128}:
            raw = bytes.fromhex(text)
        else:
            raw = base64.b64decode(text, validate=True)
    if len(raw) not in {32, 64}:
        raise ValueError("ALGOD_KEY is neither 25 words nor 32 bytes in base64 or hexadecimal")
    return SigningKey(raw[:32])


def main() -> int:
    lacking = missing()
    if lacking:
        said = [f"  {name}  {VARIABLES[name]}" for name in lacking]
        sys.stderr.write("\n".join(["set beforehand, to name a node of yours:", *said, ""]))
        return 2
    try:
        private_key(os.environ["ALGOD_KEY"])
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    arguments = ["--without-servers", "-k", NAME, "tests/contract", "tests/algod", *sys.argv[1:]]
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
