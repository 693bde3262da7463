"""Deployments as customers ask for them: half on either chain."""

import json
from collections.abc import Iterator, Mapping
from itertools import cycle
from uuid import uuid4

from benchmarks.http_client import Request, request
from benchmarks.installation import Customer, Installation
from entrypoints.demo.parts import ALGORAND, EVM

_TOKENS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    EVM: (
        "erc20_mintable",
        {"symbol": "HAZEL", "decimals": 6, "initial_supply": "1000000", "cap": "5000000"},
    ),
    ALGORAND: ("asa_ft", {"unit_name": "HAZEL", "decimals": 6, "total": "1000000"}),
}


def orders(place: Installation) -> Iterator[Request]:
    """Of all customers by turns, each with a key of its own, without end."""
    networks = cycle(_TOKENS)
    for customer in cycle(place.customers):
        yield order(customer, next(networks), uuid4().hex)


def order(customer: Customer, network: str, key: str) -> Request:
    kind, token = _TOKENS[network]
    body = {"kind": kind, "network": network, "token": {"name": f"Hazel {key[:8]}", **token}}
    headers = {**customer.headers(), "Idempotency-Key": key}
    return request("POST", "/v1/deployments", headers, json.dumps(body).encode(), kind=network)


def one(customer: Customer, id: str, turn: int) -> Request:
    return request("GET", f"/v1/deployments/{id}", customer.headers(turn), kind="one")


def page(customer: Customer, turn: int) -> Request:
    return request("GET", "/v1/deployments?limit=100", customer.headers(turn), kind="page")
