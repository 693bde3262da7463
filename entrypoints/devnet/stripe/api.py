"""Requests as they come: who asks, whether it was asked before, what is answered.

Carries out a request under the account's lock, once per idempotency key.  Every answered request
is kept in `requests`, so that a test can look at what was sent or send it elsewhere.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from entrypoints.devnet.stripe import (
    catalogue,
    checkout,
    clocks,
    collection,
    customers,
    events,
    forms,
    invoice_lines,
    payments,
    plan_changes,
    reversals,
    subscriptions,
)
from entrypoints.devnet.stripe.account import NOBODY, Account
from entrypoints.devnet.stripe.errors import NotBuiltError, RefusedError
from entrypoints.devnet.stripe.expansion import expanded
from entrypoints.devnet.stripe.outages import Outages
from entrypoints.devnet.stripe.records import Record
from entrypoints.devnet.stripe.routing import Route, Routes

ROUTES = [
    *catalogue.ROUTES,
    *checkout.ROUTES,
    *collection.ROUTES,
    *customers.ROUTES,
    *events.ROUTES,
    *invoice_lines.ROUTES,
    *payments.ROUTES,
    *plan_changes.ROUTES,
    *reversals.ROUTES,
    *subscriptions.ROUTES,
    *clocks.ROUTES,
]
#: An idempotency key is remembered for a day.
_KEYS_ARE_KEPT = 86_400


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    #: Form-encoded, from the query or the body.
    form: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Record:
        told: Record = json.loads(self.body)
        return told


@dataclass(frozen=True)
class _Kept:
    request: tuple[str, str, str]
    answer: Answer
    at: int


class LineLostError(Exception):
    """The connection ends without an answer."""


class Api:
    def __init__(self, account: Account, secret_key: str) -> None:
        """The key's prefix says which mode the account is in: sk_test_… or sk_live_…"""
        self.account = account
        self.secret_key = secret_key
        #: The latest requests with a valid key, oldest first.
        self.requests: deque[Request] = deque(maxlen=10_000)
        self.outages = Outages()
        self._routes = Routes(ROUTES)
        self._kept: dict[str, _Kept] = {}

    def answer(self, request: Request) -> Answer:
        """Raises: LineLostError, where an outage is planned."""
        with self.account.lock:
            outage = self.outages.take(f"{request.method} {request.path}")
        if outage == "lost_before":
            raise LineLostError
        if outage in {"error_before", "rate_limit"}:
            return self._broken(outage)
        answer = self._carried_out(request, is_broken=outage == "error_after")
        if outage == "lost_after":
            raise LineLostError
        return answer

    def _broken(self, outage: str) -> Answer:
        told = {"Request-Id": self.account.ids.next("request")}
        if outage == "rate_limit":
            message = "Request rate limit exceeded."
            return _refusal(RefusedError(429, message, code="rate_limit"), told)
        message = "An unknown error occurred"
        return _refusal(RefusedError(500, message, type="api_error"), told)

    def _carried_out(self, request: Request, *, is_broken: bool) -> Answer:
        headers = {name.lower(): value for name, value in request.headers.items()}
        account = self.account
        with account.lock:
            account.catch_up()
            id = account.ids.next("request")
            key = headers.get("idempotency-key") if request.method == "POST" else None
            told = {"Request-Id": id, "Stripe-Version": account.api_version}
            if key is not None:
                told["Idempotency-Key"] = key
            try:
                self._must_be_known(headers)
                self.requests.append(request)
                kept = self._kept_for(key, request)
                if kept is not None:
                    original = kept.answer.headers["Request-Id"]
                    again = {**told, "Idempotent-Replayed": "true", "Original-Request": original}
                    return _written(kept.answer.status, kept.answer.body, again)
                route, ids, form, expand = self._understood(request, headers)
            except RefusedError as error:
                # What was not carried out is not remembered.
                return _refusal(error, told)
            account.request = {"id": id, "idempotency_key": key}
            try:
                record = route.handler(account, form, *ids)
                body = json.dumps(expanded(account, record, expand)).encode()
                answer = _written(200, body, told)
            except RefusedError as error:
                answer = _refusal(error, told)
            finally:
                account.request = dict(NOBODY)
            if is_broken:
                answer = self._broken("error_after")
            if key is not None:
                self._keep(key, _Kept(_asked(request), answer, account.now))
            return answer

    def _must_be_known(self, headers: Mapping[str, str]) -> None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not given:
            raise RefusedError(
                401,
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
            )
        if given != self.secret_key:
            shown = f"{given[:8]}{'*' * 8}{given[-4:]}"
            raise RefusedError(401, f"Invalid API Key provided: {shown}")
        version = headers.get("stripe-version", self.account.api_version)
        if version != self.account.api_version:
            raise NotBuiltError(f"API version {version}; it is {self.account.api_version}")

    def _kept_for(self, key: str | None, request: Request) -> _Kept | None:
        kept = self._kept.get(key) if key is not None else None
        if kept is None or kept.at + _KEYS_ARE_KEPT <= self.account.now:
            return None
        if kept.request != _asked(request):
            raise RefusedError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they "
                f"were first used with. Try using a key other than '{key}' if you meant to "
                "execute a different request.",
                type="idempotency_error",
            )
        return kept

    def _keep(self, key: str, kept: _Kept) -> None:
        """The oldest come first, and are forgotten first."""
        self._kept.pop(key, None)
        self._kept[key] = kept
        while next(iter(self._kept.values())).at + _KEYS_ARE_KEPT <= kept.at:
            del self._kept[next(iter(self._kept))]

    def _understood(
        self, request: Request, headers: Mapping[str, str]
    ) -> tuple[Route, list[str], Record, list[str]]:
        found = self._routes.find(request.method, request.path)
        if found is None:
            raise NotBuiltError(f"the route {request.method} {request.path}")
        route, ids = found
        for name in ("stripe-account", "stripe-context"):
            if headers.get(name):
                raise NotBuiltError(f"the header {name}")
        form = forms.decoded(request.form)
        expand = form.pop("expand", [])
        if not isinstance(expand, list):
            expand = [expand]
        return route, ids, forms.read(form, route.parameters, route.name), expand


def _asked(request: Request) -> tuple[str, str, str]:
    return request.method, request.path, request.form


def _refusal(error: RefusedError, told: Mapping[str, str]) -> Answer:
    body = error.as_json()
    body["error"]["request_log_url"] = f"https://stripe.invalid/logs/{told['Request-Id']}"
    headers = dict(told)
    if error.status == 501:
        # An SDK would else try again, and wait in between.
        headers["Stripe-Should-Retry"] = "false"
    return _written(error.status, json.dumps(body).encode(), headers)


def _written(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    return Answer(
        status=status, body=body, headers={"Content-Type": "application/json", **headers}
    )
