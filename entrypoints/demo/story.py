"""The main job, as somebody does it who has an e-mail address, a password and an HTTP client."""

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx
from attrs import frozen

from entrypoints.demo.parts import ALGORAND, EVM, DemoError, Parts

_SECONDS = 60.0
#: A pack of the shipped catalogue.
PACK = "small"
_printing = threading.Lock()


@frozen(kw_only=True)
class Order:
    """One token to be issued."""

    #: What its lines begin with.
    label: str
    kind: str
    network: str
    token: Mapping[str, object]


ORDERS = (
    Order(
        label="ERC-20",
        kind="erc20_mintable",
        network=EVM,
        token={
            "name": "Hazel Split",
            "symbol": "HAZEL",
            "decimals": 6,
            "initial_supply": "1000000000000",
            "cap": "5000000000000",
        },
    ),
    Order(
        label="ASA",
        kind="asa_ft",
        network=ALGORAND,
        token={
            "name": "Hazel Split",
            "unit_name": "HAZEL",
            "decimals": 6,
            "total": "1000000000000",
            "url": "https://example.com/hazel",
        },
    ),
)


@frozen(kw_only=True)
class Issued:
    """A token, as the API told of it."""

    order: Order
    deployment: str
    #: None on chains that cannot know beforehand.
    predicted: str | None
    #: Contract address or asset id.
    address: str
    owner: str
    credits: int


@frozen(kw_only=True)
class Told:
    """What the story came to; the checks compare it with what is really there."""

    organisation: str
    issued: tuple[Issued, ...]
    #: Credits of the pack that was paid for; 0: none is sold.
    bought: int
    #: Of the statement: credits at its end.
    closing: int
    api_key: str

    @property
    def credits(self) -> int:
        return sum(each.credits for each in self.issued)


def tell(parts: Parts) -> Told:
    """Sign up, plan, deploy on both families, watch, buy a pack, and show bill and trail.

    Raises: DemoError: an answer was not what it should be.
    """
    with httpx.Client(base_url=parts.api, timeout=30) as client:
        say("1. Sign up with an e-mail address and a password")
        email = f"ada-{secrets.token_hex(3)}@example.com"
        password = secrets.token_urlsafe(12)
        signed_up = _post(
            client,
            "/v1/auth/register",
            {"email": email, "password": password, "organisation": "Hazel & Daughters"},
        )
        session = _post(client, "/v1/auth/login", {"email": email, "password": password})
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        organisation = signed_up["organisation"]["id"]
        say(f"   {email} · password {password} · {organisation}")

        say("2. The balance")
        _show_balance(client)

        say("3. Plan: what each deployment will do, before it does it")
        plans = [_planned(client, order) for order in ORDERS]

        say("4. Deploy exactly that, on both chains at once, and watch")
        accepted = [_deploy(client, *each) for each in zip(ORDERS, plans, strict=True)]
        with ThreadPoolExecutor(len(ORDERS)) as side_by_side:
            list(side_by_side.map(_watch, repeat(client), ORDERS, accepted))
        issued = tuple(
            _issued(client, *each) for each in zip(ORDERS, plans, accepted, strict=True)
        )
        for each in issued:
            say(f"   {each.order.label:<6} is {each.address} on {each.order.network}")

        say("5. Buy more credits, with no card at a Stripe of our own")
        bought = _buy(client) if parts.stripe else 0

        say("6. The bill: the journal, and the month's statement")
        _show_journal(client)
        closing = _show_statement(client)

        say("7. The audit trails")
        for each in issued:
            trail = _get(client, f"/v1/deployments/{each.deployment}/audit_events")["data"]
            for event in trail:
                line = f"{event['sequence']:>3}  {event['at']}  {event['action']}"
                say(f"   {each.order.label:<6} {line}")

        key = _post(client, "/v1/api_keys", {"name": "demo", "live": False})
        return Told(
            organisation=organisation,
            issued=issued,
            bought=bought,
            closing=closing,
            api_key=key["key"],
        )


def write_evidence(parts: Parts, told: Told, file: Path) -> str:
    """The evidence about the first token, as the API gives it; the log's key's fingerprint.

    With an anchor: what commits to the records is in a checkpoint that is put on a chain.

    Raises: DemoError.
    """
    deployment = told.issued[0].deployment
    headers = {"Authorization": f"Bearer {told.api_key}"}
    with httpx.Client(base_url=parts.api, timeout=30, headers=headers) as client:
        _evidence(client, deployment)
        (anchor,) = parts.listing("anchor", "--network", EVM, "--wait")
        say(f"   {anchor['size']} events are anchored by {anchor['transaction']} on {EVM}")
        content = _evidence(client, deployment, anchored=True)
        (key,) = _get(client, "/v1/audit/keys")["data"]
    file.write_bytes(content)
    say(f"   {len(content)} bytes about {deployment} are in {file}")
    return str(key["fingerprint"])


def _evidence(client: httpx.Client, deployment: str, *, anchored: bool = False) -> bytes:
    """The pack, once it is sealed; once the anchor's event is, too, it has that.

    Raises: DemoError.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        answer = client.get(f"/v1/deployments/{deployment}/evidence")
        is_there = answer.status_code == httpx.codes.OK
        if is_there and (not anchored or answer.json()["consistency"]):
            return answer.content
        waits = is_there or answer.status_code == httpx.codes.ACCEPTED
        if not waits or time.monotonic() > deadline:
            raise DemoError(f"GET evidence: {answer.status_code} {answer.text}")
        time.sleep(0.5)


def say(line: str) -> None:
    with _printing:
        print(line, flush=True)


def _planned(client: httpx.Client, order: Order) -> dict[str, Any]:
    plan = _plan(client, {"kind": order.kind, "network": order.network, "token": order.token})
    place = plan["predicted_address"] or "the chain will name it"
    signers = sum(len(step["signers"]) for step in plan["steps"])
    say(f"   {order.label:<6} address  {place}")
    say(f"   {'':<6} owner    {plan['owner']}")
    say(
        f"   {'':<6} credits  {plan['credits']}   signatures  {signers}   "
        f"plan hash  {plan['plan_hash'][:16]}…"
    )
    return plan


def _plan(client: httpx.Client, request: Mapping[str, object]) -> dict[str, Any]:
    """The issuing account's key takes the worker a moment."""
    for _ in range(200):
        answer = client.post("/v1/deployments/plan", json=request)
        if answer.status_code == httpx.codes.OK:
            plan: dict[str, Any] = answer.json()
            return plan
        if answer.json().get("code") not in {"account_not_ready", "network_not_ready"}:
            raise DemoError(f"POST /v1/deployments/plan: {answer.text}")
        time.sleep(0.1)
    raise DemoError("the issuing account has no key after 20 s")


def _deploy(client: httpx.Client, order: Order, plan: Mapping[str, Any]) -> str:
    accepted = _post(
        client,
        "/v1/deployments",
        {
            "kind": order.kind,
            "network": order.network,
            "token": order.token,
            "deployment_id": plan["deployment_id"],
            "plan_hash": plan["plan_hash"],
        },
        {"Idempotency-Key": secrets.token_hex(8)},
    )
    return str(accepted["id"])


def _watch(client: httpx.Client, order: Order, id: str) -> None:
    with client.stream("GET", f"/v1/deployments/{id}/events", timeout=_SECONDS) as stream:
        if stream.status_code != httpx.codes.OK:
            raise DemoError(f"the event stream answers {stream.status_code}")
        for event in _events(stream):
            moved = f"{event['state']:<10}" if event.get("state") else " " * 10
            say(f"   {order.label:<6} {event['at'][11:23]}  {moved} {event['message']}")


def _events(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    lines: list[str] = []
    for line in stream.iter_lines():
        if line.startswith("data:"):
            lines.append(line[5:].strip())
        elif not line and lines:
            yield json.loads("\n".join(lines))
            lines = []


def _issued(client: httpx.Client, order: Order, plan: Mapping[str, Any], id: str) -> Issued:
    deployment = _get(client, f"/v1/deployments/{id}")
    if deployment["state"] != "Completed":
        raise DemoError(f"the deployment is {deployment['state']}: {deployment['failure']}")
    return Issued(
        order=order,
        deployment=id,
        predicted=plan["predicted_address"],
        address=deployment["address"],
        owner=plan["owner"],
        credits=deployment["credits"],
    )


def _show_balance(client: httpx.Client) -> None:
    balance = _get(client, "/v1/credits/balance")
    say(f"   {balance['available']} credits available, {balance['held']} held")


def _buy(client: httpx.Client) -> int:
    """Pay on the page as a browser would; the credits come when Stripe tells of it."""
    (pack,) = [
        each for each in _get(client, "/v1/billing/tariffs")["packs"] if each["name"] == PACK
    ]
    before = _get(client, "/v1/credits/balance")["available"]
    page = _post(
        client,
        "/v1/billing/checkout",
        {"pack": PACK},
        {"Idempotency-Key": secrets.token_hex(8)},
    )["url"]
    say(f"   {pack['credits']} credits on the page {page}")
    paid = httpx.post(page, data={"do": "pay"}, timeout=30)
    if not paid.is_redirect:
        raise DemoError(f"POST {page}: {paid.status_code} {paid.text}")
    deadline = time.monotonic() + _SECONDS
    while _get(client, "/v1/credits/balance")["available"] == before:
        if time.monotonic() > deadline:
            raise DemoError(f"{pack['credits']} credits were paid for and are not there")
        time.sleep(0.1)
    say("   paid; the webhook has brought them")
    _show_balance(client)
    return int(pack["credits"])


def _show_statement(client: httpx.Client) -> int:
    """Credits at its end."""
    stated = _get(client, "/v1/billing/statement")
    say(f"   {stated['opening']['balance']:>6}  credits at the beginning")
    for line in stated["lines"]:
        say(f"   {line['credits']:>+6}  {line['what']} ({line['of']})")
    closing: int = stated["closing"]["balance"]
    say(f"   {closing:>6}  credits at the end")
    return closing


def _show_journal(client: httpx.Client) -> None:
    for entry in reversed(_get(client, "/v1/credits/journal")["data"]):
        way = f"{entry['debit']:<12} → {entry['credit']:<10}"
        say(f"   {entry['sequence']:>3}  {way} {entry['amount']:>5}")


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    if answer.status_code != httpx.codes.OK:
        raise DemoError(f"GET {path}: {answer.status_code} {answer.text}")
    content: dict[str, Any] = answer.json()
    return content


def _post(
    client: httpx.Client,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    answer = client.post(path, json=body, headers=headers)
    if answer.status_code not in {200, 201, 202}:
        raise DemoError(f"POST {path}: {answer.status_code} {answer.text}")
    content: dict[str, Any] = answer.json()
    return content
