"""People who pay, and the loopback Stripe they pay at, both over HTTP only."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from attrs import define, evolve, field, frozen

from entrypoints.demo.parts import WEBHOOK_SECRET, Parts
from entrypoints.devnet.processes import free_port
from entrypoints.devnet.stripe import TEST_KEY

ROOT = Path(__file__).parent.parent.parent


def documented_events() -> list[str]:
    """What docs/billing.md tells the operator to ask Stripe for."""
    text = (ROOT / "docs" / "billing.md").read_text()
    listed = text.partition("and these events:")[2].partition("Others are recorded")[0]
    return re.findall(r"`([a-z_.]+)`", listed)


@frozen
class Stripe:
    url: str

    def control(self, name: str, **arguments: object) -> Any:
        answer = httpx.post(f"{self.url}/_control/{name}", json=arguments, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TEST_KEY}"}
        answer = httpx.get(f"{self.url}{path}", params=query, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def pay(self, page: str) -> dict[str, Any]:
        """As the customer's browser; the session as it is then."""
        answer = httpx.post(page, data={"do": "pay"}, timeout=30)
        assert answer.is_redirect, answer.text
        return self.get(f"/v1/checkout/sessions/{page.rpartition('/')[2]}")

    def price(self, tariff: str) -> str:
        prices = self.get("/v1/prices", limit="100")["data"]
        (found,) = [each["id"] for each in prices if each["product"].endswith(f"tariff_{tariff}")]
        return str(found)

    def tell(self, api: str) -> None:
        """Make the webhook endpoint, as docs/billing.md says."""
        self.control(
            "add_endpoint",
            url=f"{api}/v1/billing/stripe/webhook",
            secrets=[WEBHOOK_SECRET],
            types=documented_events(),
            signs_by_wall_clock=True,
        )


@define
class Person:
    """The owner of an organisation of their own; their session's token opens every route."""

    parts: Parts
    stripe: Stripe
    name: str
    organisation: str = field(init=False)
    key: str = field(init=False)
    _http: httpx.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.parts.api, timeout=30)
        login = {"email": f"{self.name}@example.com", "password": secrets.token_urlsafe(12)}
        made = self.post("/v1/auth/register", login | {"organisation": self.name}, status=201)
        self.organisation = made["organisation"]["id"]
        session = self.post("/v1/auth/login", login, status=200)
        self._http.headers["Authorization"] = f"Bearer {session['access_token']}"
        request = {"name": "service", "live": False, "scopes": ["usage:write"]}
        self.key = self.post("/v1/api_keys", request, status=201)["key"]

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, body: object, *, status: int) -> dict[str, Any]:
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        answer = self._http.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self._http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @property
    def credits(self) -> tuple[int, int]:
        """What is available, and what is owed."""
        found = self.get("/v1/credits/balance")
        return found["available"], found["debt"]

    @property
    def licence(self) -> str:
        state: str = self.get("/v1/billing/licence")["state"]
        return state

    def buy(self, **item: str) -> dict[str, Any]:
        """The session that was paid; nothing is delivered yet."""
        return self.stripe.pay(self.post("/v1/billing/checkout", item, status=201)["url"])

    def journal(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.get("/v1/credits/journal", limit="100", **cursor)
            found += page["data"]
            if not page["has_more"]:
                return found
            cursor = {"cursor": page["next_cursor"]}


@define
class Server:
    """Another API process of the same installation, on a port of its own."""

    parts: Parts
    _process: subprocess.Popen[bytes] = field(init=False)

    @classmethod
    @contextmanager
    def beside(cls, parts: Parts) -> Iterator[Server]:
        port = free_port()
        environment = {**parts.environment, "TALLYSTICK_HTTP_PORT": str(port)}
        server = cls(evolve(parts, api=f"http://127.0.0.1:{port}", environment=environment))
        server.start()
        try:
            yield server
        finally:
            server.kill()

    @property
    def url(self) -> str:
        return self.parts.api

    def start(self) -> None:
        self._process = self.parts.start("serve")
        self.parts.await_ready()

    def kill(self) -> None:
        """Nothing gets to clean up."""
        self._process.kill()
        self._process.wait()
