"""algod's routes: what is asked, and what this node answers.

The paths, field names and words are algod's; the transport is `server`'s, the faults are met there
too.  A handler runs under the world's lock, but for the one that waits.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack

from entrypoints.devnet.algod import representations
from entrypoints.devnet.algod.box_names import box_name
from entrypoints.devnet.algod.encoding import (
    EncodingError,
    address_bytes,
    base32,
    base64_text,
    pack,
)
from entrypoints.devnet.algod.limits import MIN_FEE, RefusedError
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.representations import plain
from entrypoints.devnet.algod.simulation import simulate
from entrypoints.devnet.algod.transactions import SignedTransaction
from entrypoints.devnet.algod.world import World

NO_TRANSACTION = (
    "could not find the transaction in the transaction pool or in the last 1000 confirmed rounds"
)
NO_LEDGER_ENTRY = "failed to retrieve information from the ledger"
CATCHING_UP = "operation not available during catchup"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def wants_msgpack(self) -> bool:
        return self.query.get("format", "json").lower() in {"msgpack", "msgp"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


class NotFoundError(Exception):
    """404, in algod's words."""


def as_json(content: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(content, sort_keys=True).encode())


def as_problem(status: int, message: str) -> Answer:
    return as_json({"message": message}, status)


class Api:
    def __init__(self, world: World, node: Node, *, wait_seconds: float) -> None:
        self.world = world
        self.node = node
        self._wait_seconds = wait_seconds

    def kind_of(self, request: Request) -> str:
        """The route's kind, by which faults choose; empty: no such route."""
        found = _find(request)
        return found[0].kind if found else ""

    def answer(self, request: Request) -> Answer:
        found = _find(request)
        if found is None:
            return as_problem(404, "Not Found")
        route, arguments = found
        with self.world.changed:
            self.node.refresh()
            try:
                return route.handler(self, request, *arguments)
            except NotFoundError as error:
                return as_problem(404, str(error))
            except RefusedError as error:
                return as_problem(400, str(error))
            except EncodingError:
                return as_problem(400, "failed to parse the address")

    def nothing(self, request: Request) -> Answer:
        del request
        return as_json(None)

    def versions(self, request: Request) -> Answer:
        del request
        rules = self.node.rules
        return as_json({
            "versions": ["v2"],
            "genesis_id": rules.genesis.id,
            "genesis_hash_b64": base64_text(rules.genesis_hash),
            "build": {
                "branch": "devnet", "build_number": 0, "channel": "devnet",
                "commit_hash": "", "major": 4, "minor": 0,
            },
        })  # fmt: skip

    def genesis(self, request: Request) -> Answer:
        del request
        content = self.world.genesis.content()
        is_other = self.node.faults.standing("wrong_genesis")
        return as_json({**content, "comment": "another chain"} if is_other else content)

    def parameters(self, request: Request) -> Answer:
        del request
        return as_json(
            {
                "consensus-version": self.world.consensus,
                "fee": self.world.fee_per_byte,
                "genesis-hash": base64_text(self.node.rules.genesis_hash),
                "genesis-id": self.node.rules.genesis.id,
                "last-round": self.node.round,
                "min-fee": MIN_FEE,
            }
        )

    def status(self, request: Request) -> Answer:
        del request
        since = max(0.0, time.time() - self.node.latest_block().timestamp)
        return as_json(
            {
                "catchup-time": 0,
                "last-round": self.node.round,
                "last-version": self.world.consensus,
                "next-version": self.world.consensus,
                "next-version-round": self.node.round + 1,
                "next-version-supported": True,
                "stopped-at-unsupported-round": False,
                "time-since-last-round": int(since * 1e9),
                "last-catchpoint": "",
            }
        )

    def status_after(self, request: Request, round: str) -> Answer:
        """Answers when the round has passed, or with the status of then when patience ends."""
        self.world.changed.wait_for(
            lambda: self.world.closing or self.node.round > int(round), self._wait_seconds
        )
        self.node.refresh()
        return self.status(request)

    def submit(self, request: Request) -> Answer:
        txid = self.node.submit(request.body)
        self.world.settle()
        return as_json({"txId": txid})

    def simulate(self, request: Request) -> Answer:
        return _in_format(request, simulate(self.node, request.body))

    def pending(self, request: Request) -> Answer:
        return self._top(request, self.node.pending())

    def pending_of(self, request: Request, address: str) -> Answer:
        of = address_bytes(address)
        concerned = [each for each in self.node.pending() if of in each.txn.values()]
        return self._top(request, concerned)

    def outcome(self, request: Request, txid: str) -> Answer:
        known = self.node.pool.lookup(txid)
        confirmed = self.node.confirmation(txid)
        if confirmed is not None:
            included = confirmed.included
            content = representations.pending(included.transaction, "", confirmed.round, included)
        elif known is not None:
            content = representations.pending(known.transaction, known.error, None, None)
        else:
            raise NotFoundError(NO_TRANSACTION)
        return _in_format(request, content)

    def account(self, request: Request, address: str) -> Answer:
        of = address_bytes(address)
        without = request.query.get("exclude", "none")
        if without not in {"none", "all"}:
            raise RefusedError("failed to parse exclude")
        without_lists = without == "all"
        return as_json(representations.account(of, self.node.view, without_lists=without_lists))

    def account_asset(self, request: Request, address: str, asset: str) -> Answer:
        del request
        of, id, view = address_bytes(address), int(asset), self.node.view
        content: dict[str, Any] = {"round": view.round}
        holding, created = view.holding(of, id), view.asset(id)
        if holding is not None:
            content["asset-holding"] = representations.holding(id, holding)
        if created is not None and created.creator == of:
            content["created-asset"] = representations.asset_parameters(created)
        if len(content) == 1:
            raise NotFoundError("account asset info not found")
        return as_json(content)

    def asset(self, request: Request, asset: str) -> Answer:
        del request
        found = self.node.view.asset(int(asset))
        if found is None:
            raise NotFoundError("asset does not exist")
        return as_json(representations.created_asset(int(asset), found))

    def account_application(self, request: Request, address: str, application: str) -> Answer:
        del request
        of, id, view = address_bytes(address), int(application), self.node.view
        content: dict[str, Any] = {"round": view.round}
        local, created = view.local(of, id), view.application(id)
        if local is not None:
            content["app-local-state"] = representations.local_state(id, local)
        if created is not None and created.creator == of:
            content["created-app"] = representations.application_parameters(created)
        if len(content) == 1:
            raise NotFoundError("account application info not found")
        return as_json(content)

    def application(self, request: Request, application: str) -> Answer:
        del request
        found = self.node.view.application(int(application))
        if found is None:
            raise NotFoundError("application does not exist")
        return as_json(representations.application(int(application), found))

    def box(self, request: Request, application: str) -> Answer:
        view, name = self.node.view, box_name(request.query.get("name", ""))
        found = view.box(int(application), name)
        if found is None:
            raise NotFoundError("box not found")
        return as_json(
            {"round": view.round, "name": base64_text(name), "value": base64_text(found)}
        )

    def boxes(self, request: Request, application: str) -> Answer:
        """More than `max`: refused, as nobody is told a part."""
        names = self.node.view.boxes_of(int(application))
        asked = request.query.get("max", "0")
        most = int(asked) if asked.isdecimal() else 0
        if most and len(names) > most:
            raise RefusedError("Result limit exceeded")
        return as_json({"boxes": [{"name": base64_text(name)} for name in names]})

    def block(self, request: Request, round: str) -> Answer:
        found = self.node.block(int(round))
        if found is None:
            raise NotFoundError(NO_LEDGER_ENTRY)
        header_only = request.query.get("header-only", "false").lower() == "true"
        fields = representations.block_fields(found, header_only=header_only)
        fields["gh"] = self.node.rules.genesis_hash
        if request.wants_msgpack:
            return Answer(200, pack({"block": fields}), "application/msgpack")
        return as_json({"block": plain(fields)})

    def block_txids(self, request: Request, round: str) -> Answer:
        del request
        found = self.node.block(int(round))
        if found is None:
            raise NotFoundError(NO_LEDGER_ENTRY)
        return as_json({"blockTxids": found.txids})

    def block_hash(self, request: Request, round: str) -> Answer:
        del request
        found = self.node.block(int(round))
        if found is None:
            raise NotFoundError(NO_LEDGER_ENTRY)
        return as_json({"blockHash": base32(found.hash)})

    def _top(self, request: Request, transactions: list[SignedTransaction]) -> Answer:
        asked = request.query.get("max", "0")
        most = (int(asked) if asked.isdecimal() else 0) or len(transactions)
        return _in_format(
            request,
            {
                "total-transactions": len(transactions),
                "top-transactions": [dict(each.fields) for each in transactions[:most]],
            },
        )


def _in_format(request: Request, content: dict[str, Any]) -> Answer:
    if request.wants_msgpack:
        body = msgpack.packb(content, use_bin_type=True, unicode_errors="surrogateescape")
        return Answer(200, body, "application/msgpack")
    return as_json(plain(content))


@dataclass(frozen=True)
class Route:
    method: str
    path: re.Pattern[str]
    #: By which a fault names the routes that it strikes.
    kind: str
    handler: Callable[..., Answer]


def _route(method: str, path: str, kind: str, handler: Callable[..., Answer]) -> Route:
    """In a path {address}, {txid} and {n} stand for themselves."""
    pattern = (
        path.replace("{address}", "([^/]+)").replace("{txid}", "([^/]+)").replace("{n}", r"(\d+)")
    )
    return Route(method, re.compile(f"^{pattern}$"), kind, handler)


ROUTES = (
    _route("GET", "/health", "status", Api.nothing),
    _route("GET", "/ready", "status", Api.nothing),
    _route("GET", "/versions", "genesis", Api.versions),
    _route("GET", "/genesis", "genesis", Api.genesis),
    _route("GET", "/v2/status", "status", Api.status),
    _route("GET", "/v2/status/wait-for-block-after/{n}", "status", Api.status_after),
    _route("GET", "/v2/transactions/params", "params", Api.parameters),
    _route("POST", "/v2/transactions", "submit", Api.submit),
    _route("POST", "/v2/transactions/simulate", "simulate", Api.simulate),
    _route("GET", "/v2/transactions/pending", "pending", Api.pending),
    _route("GET", "/v2/transactions/pending/{txid}", "pending", Api.outcome),
    _route("GET", "/v2/accounts/{address}", "account", Api.account),
    _route("GET", "/v2/accounts/{address}/transactions/pending", "pending", Api.pending_of),
    _route("GET", "/v2/accounts/{address}/assets/{n}", "account", Api.account_asset),
    _route("GET", "/v2/assets/{n}", "asset", Api.asset),
    _route("GET", "/v2/accounts/{address}/applications/{n}", "account", Api.account_application),
    _route("GET", "/v2/applications/{n}", "application", Api.application),
    _route("GET", "/v2/applications/{n}/box", "application", Api.box),
    _route("GET", "/v2/applications/{n}/boxes", "application", Api.boxes),
    _route("GET", "/v2/blocks/{n}", "block", Api.block),
    _route("GET", "/v2/blocks/{n}/txids", "block", Api.block_txids),
    _route("GET", "/v2/blocks/{n}/hash", "block", Api.block_hash),
)


def _find(request: Request) -> tuple[Route, tuple[str, ...]] | None:
    for route in ROUTES:
        found = route.path.match(request.path)
        if found and route.method == request.method:
            return route, found.groups()
    return None
