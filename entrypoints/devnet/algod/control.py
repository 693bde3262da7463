"""The control routes, under /devnet/: what a test or a person tells the network to do.

    GET  /devnet               chain, nodes, round, mode, dispenser
    POST /devnet/fund          {"address", "amount"}        from the dispenser, confirmed at once
    POST /devnet/blocks        {"count": 1}                 make blocks of what the pools hold
    POST /devnet/advance       {"rounds"}                   empty blocks, whatever the pools hold
    POST /devnet/mode          {"mode", "block_time"}       instant, interval or manual
    POST /devnet/congestion    {"fee_per_byte"}             pools ask for more than the minimum fee
    POST /devnet/consensus     {"version"}                  their name of the protocol; null: true
    GET  /devnet/faults        what is set on this node, and how often each fault struck
    POST /devnet/faults        {"fault", "times", "route", "seconds", "rounds", "txid",
                                "everywhere"}; times null: until cleared
    POST /devnet/faults/clear  {"fault"}; without one, all

Faults are those of the node whose port is asked.  Unknown fields are refused.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from entrypoints.devnet.algod.api import Answer, Request, as_json, as_problem
from entrypoints.devnet.algod.encoding import EncodingError, address_text, base64_text
from entrypoints.devnet.algod.evaluation import GroupRefusedError
from entrypoints.devnet.algod.faults import Fault, usual_route
from entrypoints.devnet.algod.node import Node
from entrypoints.devnet.algod.world import World

Content = dict[str, Any]


def description(world: World, urls: list[str]) -> Content:
    """What a client needs to know of the network."""
    with world.lock:
        return {
            "nodes": urls,
            "genesis_id": world.genesis.id,
            "genesis_hash": base64_text(world.genesis.hash),
            "caip2": world.genesis.caip2,
            "dispenser": address_text(world.genesis.dispenser),
            "round": world.ledger.tip,
            "mode": world.mode,
            "block_time": world.block_time,
        }


class Control:
    def __init__(self, world: World, node: Node, urls: list[str]) -> None:
        self._world = world
        self._node = node
        self._urls = urls

    def answer(self, request: Request) -> Answer:
        if request.method == "GET":
            readings: dict[str, Callable[[], Content]] = {
                "/devnet": lambda: description(self._world, self._urls),
                "/devnet/faults": self._faults,
            }
            reading = readings.get(request.path)
            return as_problem(404, "Not Found") if reading is None else as_json(reading())
        orders: dict[str, Callable[..., Content]] = {
            "/devnet/fund": self._fund,
            "/devnet/blocks": self._blocks,
            "/devnet/advance": self._advance,
            "/devnet/mode": self._mode,
            "/devnet/congestion": self._congestion,
            "/devnet/consensus": self._consensus,
            "/devnet/faults": self._add_fault,
            "/devnet/faults/clear": self._clear_faults,
        }
        order = orders.get(request.path)
        if order is None:
            return as_problem(404, "Not Found")
        try:
            return as_json(order(**json.loads(request.body or b"{}")))
        except (EncodingError, GroupRefusedError, TypeError, ValueError) as error:
            return as_problem(400, str(error))

    def _fund(self, address: str, amount: int) -> Content:
        return {"txid": self._world.fund(address, amount)}

    def _blocks(self, count: int = 1) -> Content:
        return {"round": self._world.mine(count)}

    def _advance(self, rounds: int) -> Content:
        return {"round": self._world.advance(rounds)}

    def _mode(self, mode: Any, block_time: float | None = None) -> Content:
        self._world.set_mode(mode, block_time)
        return {"mode": self._world.mode, "block_time": self._world.block_time}

    def _congestion(self, fee_per_byte: int) -> Content:
        self._world.congest(fee_per_byte)
        return {"fee_per_byte": fee_per_byte}

    def _consensus(self, version: str | None = None) -> Content:
        self._world.claim(version)
        return {"version": self._world.consensus}

    def _faults(self) -> Content:
        with self._world.lock:
            faults = self._node.faults
            return {
                "waiting": [asdict(fault) for fault in faults.waiting],
                "hits": dict(sorted(faults.hits.items())),
            }

    def _add_fault(
        self,
        fault: str,
        *,
        times: int | None = 1,
        route: str | None = None,
        seconds: float = 0.0,
        rounds: int = 0,
        txid: str | None = None,
        everywhere: bool = False,
    ) -> Content:
        chosen = Fault(
            name=fault,
            route=route or usual_route(fault),
            times=times,
            seconds=seconds,
            rounds=rounds,
            everywhere=everywhere,
        )
        self._world.add_fault(self._node, chosen, txid=txid)
        return self._faults()

    def _clear_faults(self, fault: str | None = None) -> Content:
        self._world.clear_faults(self._node, fault)
        return self._faults()
