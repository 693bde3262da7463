"""Who asks for tokens, and what they remember when the database does not."""

from __future__ import annotations

import httpx
from attrs import define, field

from tests.whole.processes import Client, asked_for

_PASSWORD = "correct horse battery"


@define(kw_only=True)
class Person:
    api: str
    email: str
    organisation: str = ""
    #: Of the session.
    token: str = field(default="", repr=False)
    client: Client | None = None
    #: Of the key that `client` has.
    key_id: str = ""
    #: What was asked for, under the ids that the plans gave.
    orders: dict[str, dict[str, object]] = field(factory=dict)

    def register(self) -> None:
        body = {"email": self.email, "password": _PASSWORD, "organisation": "Ada & Co"}
        answer = self._post("/v1/auth/register", body)
        self.organisation = answer["organisation"]["id"]
        self.log_in()
        self.key_id, key = self.make_key()
        self.client = Client(api=self.api, key=key)

    def log_in(self) -> None:
        answer = self._post("/v1/auth/login", {"email": self.email, "password": _PASSWORD})
        self.token = answer["access_token"]

    def make_key(self) -> tuple[str, str]:
        """Its id, and itself."""
        made = self._post("/v1/api_keys", {"name": "drill", "live": False})
        return made["id"], made["key"]

    def enable(self, key_id: str) -> None:
        self._post(f"/v1/api_keys/{key_id}/enable", {})

    def revoke(self, key_id: str) -> None:
        self._post(f"/v1/api_keys/{key_id}/revoke", {})

    def order(self, count: int) -> list[str]:
        """Plan so many tokens, ask for each under its plan's id, and return the ids."""
        assert self.client is not None
        ids = []
        for _ in range(count):
            number = len(self.orders)
            body = asked_for(number)
            plan = self.client.post("/v1/deployments/plan", body, f"plan-{number}", wanted=200)
            id = str(plan["deployment_id"])
            self.orders[id] = body | {"deployment_id": id}
            self.ask(id)
            ids.append(id)
        return ids

    def ask(self, id: str) -> None:
        """For what was planned under this id, as often as one likes."""
        assert self.client is not None
        answer = self.client.post("/v1/deployments", self.orders[id], f"order-{id}")
        assert answer["id"] == id, answer

    def is_refused(self, key: str | None = None) -> str | None:
        """With *key*, or the session: the code of the refusal; None: they are let in."""
        headers = {"Authorization": f"Bearer {key or self.token}"}
        with httpx.Client(base_url=self.api, headers=headers, timeout=30) as client:
            answer = client.get("/v1/deployments?limit=1")
        return None if answer.status_code == 200 else str(answer.json()["code"])

    def checkpoint(self) -> str:
        """The newest one, as it is kept elsewhere."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "text/plain"}
        with httpx.Client(base_url=self.api, headers=headers, timeout=30) as client:
            return client.get("/v1/audit/checkpoints/latest").raise_for_status().text

    def may_log_in(self) -> bool:
        body = {"email": self.email, "password": _PASSWORD}
        with httpx.Client(base_url=self.api, timeout=30) as client:
            return client.post("/v1/auth/login", json=body).status_code == 200

    def _post(self, path: str, body: object) -> dict:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with httpx.Client(base_url=self.api, headers=headers, timeout=30) as client:
            answer = client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()
