"""A lively installation, and something good for every operation to be asked about.

What an operation uses up is made afresh for each request: a hold can be captured once.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from attrs import define, evolve, field, frozen
from litestar import Litestar
from schemathesis.python import asgi

from adapters.memory.identity_provider import Account, MemoryIdentityProvider
from adapters.memory.payments import MemoryPayments
from application.access.register import Registration
from application.billing.publish import PublishCatalogue
from application.ports.egress import Reply
from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, parse_id
from domain.organisation import Role
from domain.sign_in import SignInRules
from entrypoints.http.app import create_app
from entrypoints.http.services import Limits
from entrypoints.http.single_sign_on import COOKIE
from tests.application.sealing import Sealing
from tests.application.test_as_of import StoredHouse
from tests.catalogue import UNLIMITED
from tests.contract.subjects import postgres
from tests.http.site import (
    INSTALLATION_ID,
    PASSWORD,
    Person,
    Site,
    StopSignal,
    billing_of,
    count_requests,
    services_of,
    sign_in_of,
)

MANY = 10**9
HOOK = "https://hooks.example.com/tallystick"
#: An access token is good for ten minutes.
FRESH = timedelta(minutes=5)


@frozen(kw_only=True)
class Supply:
    """What makes a request of one operation a good one."""

    path: Mapping[str, str] = {}
    query: Mapping[str, object] = {}
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = {}
    #: Who asks, where it is not whoever is asking.
    by: Person | None = None
    #: Exactly these bytes are sent.
    raw: bytes | None = None
    #: Nothing else is in the query.
    is_all: bool = False


@define(eq=False)
class World:
    site: Site
    payments: MemoryPayments
    provider: MemoryIdentityProvider
    sealing: Sealing
    owner: Person = field(init=False)
    #: Everybody who calls, by what they are.
    people: dict[str, Person] = field(factory=dict)
    _boss: Person = field(init=False)
    _second: Person = field(init=False)
    _since: dict[str, datetime] = field(factory=dict)
    _fixed: dict[str, str] = field(factory=dict)
    _failed: list[str] = field(factory=list)
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    def __attrs_post_init__(self) -> None:
        self.owner = self._rich("owner@example.org")
        self.people["owner"] = self.owner
        for role in Role:
            if role is not Role.OWNER:
                self.people[role.value] = self._joined(self.owner, role.value)
        self.people["reading key"] = self.owner.key(scopes=["deployments:read"])
        self.people["issuing key"] = self.owner.key(scopes=["deployments:write", "tokens:write"])
        self._boss = self._rich("boss@example.org")
        self._second = self._joined(self._boss, "compliance")
        policy = {"deployments_need_approval": True}
        self._boss.call("PUT", f"/v1/organisations/{self._boss.organisation}/policy", json=policy)
        self.site.house.egress.receivers[HOOK] = lambda _: Reply(status=204)
        self._settle()

    def replace(self, name: str) -> None:
        """Somebody else is *name* now: a session or a password of theirs has ended."""
        if not self.people[name].token.startswith("tsk_"):
            self.people[name] = self._joined(self.owner, name)

    @property
    def session(self) -> Any:
        """What requests are sent with, in this process."""
        return self.site.client._session

    def token_of(self, name: str) -> str:
        """The access token or key of one of `people`, good for a while."""
        return self.awake(self.people[name]).token

    def supply(self, operation: str) -> Supply:
        """Something that *operation* should accept from the owner."""
        maker = getattr(self, f"_for_{operation}", None)
        if maker is not None:
            return maker()
        return self.lasting(operation)

    def lasting(self, operation: str) -> Supply:
        """As `supply`, of what is there anyway."""
        return self._FIXED[operation](self) if operation in self._FIXED else Supply()

    # People.

    def _person(self) -> Person:
        name = f"person-{next(self._numbers)}"
        return self.awake(self.site.register(f"{name}@example.org", ready=False))

    def somebody(self) -> str:
        """The address of nobody yet."""
        return f"somebody-{next(self._numbers)}@example.org"

    def _email(self, person: Person) -> str:
        return str(person.registered["user"]["email"])

    def _rich(self, email: str) -> Person:
        person = self.awake(self.site.register(email))
        id = OrganisationId(parse_id(Prefix.ORGANISATION, person.organisation))
        self.site.house.set_tariff(id, UNLIMITED, "for the test")
        self.site.sell(person, 1_000_000)
        return person

    def _joined(self, owner: Person, role: str) -> Person:
        person = self._person()
        token = self._invited(owner, self._email(person), role)
        self._made("/v1/invitations/accept", {"token": token}, by=person)
        body = {"organisation": owner.organisation}
        assert person.post("/v1/auth/switch", body).status_code == 200
        return person

    def _invited(self, owner: Person, email: str, role: str) -> str:
        body = {"email": email, "role": role}
        self._made("/v1/members/invitations", body, by=owner)
        return self._letter(email, "You are invited")

    def _letter(self, email: str, subject: str | None = None) -> str:
        """The token of the newest letter to *email*."""
        while self._has_letters():
            self.site.house.post()
        letter = next(
            each
            for each in reversed(self.site.house.mail.sent)
            if each.to == email and subject in {None, each.subject}
        )
        (token,) = re.findall(r"^    ([\w-]{80,})\r?$", letter.text, re.MULTILINE)
        return str(token)

    def _has_letters(self) -> bool:
        """More of them than are sent at once, where much was asked for."""
        with self.site.house.store.begin(Scope()) as work:
            return bool(work.letters.due(self.site.house.clock.now(), 1))

    def awake(self, person: Person) -> Person:
        """*person*, with a token that is not about to end."""
        if person.token.startswith("tsk_"):
            return person
        now = self.site.house.clock.now()
        if now - self._since.setdefault(person.token, now) > FRESH:
            body = {
                "email": self._email(person),
                "password": PASSWORD,
                "organisation": self._acts_for(person),
            }
            answered = self.site.call("POST", "/v1/auth/login", json=body)
            assert answered.status_code == 200, answered.text
            person.token = answered.json()["access_token"]
            self._since[person.token] = now
        return person

    def _acts_for(self, person: Person) -> str:
        if person is self._second:
            return self._boss.organisation
        ours = any(person is each for each in self.people.values())
        return self.owner.organisation if ours else person.organisation

    # Things.

    def key(self) -> dict[str, str]:
        return {"Idempotency-Key": f"key {next(self._numbers)}"}

    def _made(self, path: str, body: object = None, by: Person | None = None) -> dict[str, Any]:
        person = by or self.owner
        answered = self.awake(person).post(path, body, headers=self.key())
        # Asked for too often, or blocked for what was asked for before: both pass.
        if answered.status_code in {423, 429}:
            told = timedelta(seconds=answered.json().get("retry_after_seconds", 0))
            self.site.house.pass_time(max(told, timedelta(hours=1)))
            answered = self.awake(person).post(path, body, headers=self.key())
        assert answered.status_code < 300, answered.text
        made: dict[str, Any] = answered.json()
        return made

    def _settle(self) -> None:
        """What lasts: a token, something minted, a sealed trail, an export, money."""
        house, owner = self.site.house, self.owner
        deployment = self._made("/v1/deployments", self.site.body())
        self.site.work_until_done()
        token = owner.issued(deployment)
        mint = {"action": "mint", "parameters": {"amount": "500", "to": token["owner"]}}
        operation = self._made(f"/v1/tokens/{token['id']}/operations", mint)
        self.site.work_until_done()
        document = b'{"name":"Gold"}'
        house.metadata.put(document)
        digest = base64.urlsafe_b64encode(hashlib.sha256(document).digest()).rstrip(b"=")
        hook = self._made("/v1/webhook_endpoints", {"url": HOOK})["id"]
        delivery = self._made(f"/v1/webhook_endpoints/{hook}/test")["id"]
        house.tell()
        gift = self._made("/v1/credits/gifts", {"to": self._boss.organisation, "credits": 1})
        export = self._made("/v1/audit/exports", {"format": "jsonl"})["id"]
        with house.store.begin(Scope.installation()) as work:
            waiting = work.exports.waiting(10)
        for organisation, id in waiting:
            house.make_export()(organisation, id)
        owner.get(f"/v1/deployments/{deployment['id']}/evidence")
        self.sealing()
        owner.post("/v1/audit/exports", {"format": "csv"}, headers=self.key())
        self.sealing()
        self._pay()
        event = owner.get("/v1/audit/events").json()["data"][0]["event"]["id"]
        checkpoints = owner.get("/v1/audit/checkpoints").json()["data"]
        self._fixed = {
            "deployment": deployment["id"],
            "token": token["id"],
            "operation": operation["id"],
            "token owner": token["owner"],
            "digest": digest.decode(),
            "hook": hook,
            "delivery": delivery,
            "gift": gift["id"],
            "export": export,
            "event": event,
            "account": owner.get("/v1/accounts").json()["data"][0]["id"],
            "from": str(checkpoints[0]["size"]),
            "to": str(checkpoints[-1]["size"]),
        }

    def _pay(self) -> None:
        self._made("/v1/billing/checkout", {"pack": "small"})
        *_, session = self.payments._sessions
        body, signature = self.payments.signed(self.payments.pay(session))
        headers = {"Stripe-Signature": signature}
        path = "/v1/billing/stripe/webhook"
        assert self.site.call("POST", path, content=body, headers=headers).status_code == 200

    # What lasts, by the operations that only look at it.

    _FIXED: Mapping[str, Callable[[World], Supply]] = {
        **dict.fromkeys(
            (
                "get_deployment", "get_deployment_history", "list_deployment_audit_events",
                "stream_deployment_events", "get_evidence",
            ),
            lambda self: Supply(path={"id": self._fixed["deployment"]}),
        ),
        **dict.fromkeys(
            ("get_token", "get_compliance_indicators", "list_operations"),
            lambda self: Supply(path={"id": self._fixed["token"]}),
        ),
        **dict.fromkeys(
            (
                "get_operation", "get_operation_history", "list_operation_audit_events",
                "stream_operation_events",
            ),
            lambda self: Supply(path={"id": self._fixed["operation"]}),
        ),
        **dict.fromkeys(
            ("get_audit_event", "prove_audit_event"),
            lambda self: Supply(path={"id": self._fixed["event"]}),
        ),
        **dict.fromkeys(
            ("get_network", "get_network_status"),
            lambda self: Supply(path={"id": self.site.house.network}),
        ),
        **dict.fromkeys(
            ("get_webhook_endpoint", "list_webhook_deliveries", "test_webhook_endpoint"),
            lambda self: Supply(path={"id": self._fixed["hook"]}),
        ),
        **dict.fromkeys(
            ("get_webhook_delivery", "resend_webhook_delivery"),
            lambda self: Supply(
                path={"id": self._fixed["hook"], "delivery": self._fixed["delivery"]}
            ),
        ),
        **dict.fromkeys(
            ("get_export", "get_export_manifest"),
            lambda self: Supply(path={"id": self._fixed["export"]}),
        ),
        "get_export_part": lambda self: Supply(
            path={"id": self._fixed["export"], "number": "1"}
        ),
        **dict.fromkeys(
            ("get_organisation", "get_policy", "get_custodian"),
            lambda self: Supply(path={"id": self.owner.organisation}),
        ),
        **dict.fromkeys(
            ("get_account", "list_key_changes", "list_account_balances"),
            lambda self: Supply(path={"id": self._fixed["account"]}),
        ),
        "get_token_kind": lambda self: Supply(path={"kind": "memory_token"}),
        "get_gift": lambda self: Supply(path={"id": self._fixed["gift"]}),
        "get_document": lambda self: Supply(path={"digest": self._fixed["digest"]}),
        "prove_consistency": lambda self: Supply(
            query={"from": int(self._fixed["from"]), "to": int(self._fixed["to"]), "log": 1}
        ),
        "get_latest_checkpoint": lambda self: Supply(query={"log": 1}),
        "change_webhook_endpoint": lambda self: Supply(
            path={"id": self._fixed["hook"]}, body={"url": HOOK}
        ),
        "plan_deployment": lambda self: Supply(body=self.site.body()),
        "create_deployment": lambda self: Supply(body=self.site.body()),
        "create_operation": lambda self: Supply(
            path={"id": self._fixed["token"]},
            body={
                "action": "mint",
                "parameters": {"amount": "1", "to": self._fixed["token owner"]},
            },
        ),
        "create_usage_hold": lambda self: Supply(body={"operation": "report"}),
        "create_checkout": lambda self: Supply(body={"pack": "small"}),
        "send_gift": lambda self: Supply(body={"to": self._boss.organisation, "credits": 1}),
        "create_team": lambda self: Supply(
            body={"name": "Ops", "members": [self.owner.registered["member"]["id"]]}
        ),
        "set_quota": lambda self: Supply(
            path={"id": self._boss.registered["member"]["id"], "window": "day"}, by=self._boss
        ),
    }  # fmt: skip

    # What is used up.

    def _for_register(self) -> Supply:
        email = f"new-{next(self._numbers)}@example.org"
        return Supply(body={"email": email, "password": PASSWORD, "organisation": "New"})

    def _for_send_verification(self) -> Supply:
        return Supply(by=self._person())

    def _for_verify_address(self) -> Supply:
        email = f"new-{next(self._numbers)}@example.org"
        asked = Registration(email=email, password=PASSWORD, organisation="New", request_id="req")
        while isinstance(self.site.house.registering(verifies=True)(asked), Refusal):
            self.site.house.pass_time(timedelta(hours=1))
        return Supply(body={"token": self._letter(email), "password": PASSWORD})

    def _for_log_in(self) -> Supply:
        return Supply(body={"email": self._email(self._boss), "password": PASSWORD})

    def _for_refresh(self) -> Supply:
        person = self._person()
        return Supply(body={"refresh_token": person.registered["tokens"]["refresh_token"]})

    def _for_log_out(self) -> Supply:
        return Supply(by=self._person())

    def _for_ask_for_password(self) -> Supply:
        return Supply(body={"email": self._email(self._boss)})

    def _for_reset_password(self) -> Supply:
        email = self._email(self._person())
        while (status := self._ask_for_password(email)) != 202:
            assert status == 429
            self.site.house.pass_time(timedelta(hours=1))
        return Supply(body={"token": self._letter(email), "password": "another battery staple"})

    def _ask_for_password(self, email: str) -> int:
        path = "/v1/auth/password/reset"
        return int(self.site.call("POST", path, json={"email": email}).status_code)

    # Single sign-on.

    def _verified(self) -> Person:
        supply = self._for_verify_address()
        answered = self.site.call("POST", "/v1/auth/verify", json=dict(supply.body or {}))
        assert answered.status_code == 200, answered.text
        return self.awake(self.site.person(answered.json()))

    def _brought_back(self, started: Any, email: str) -> dict[str, str]:
        account = Account(f"sub-{next(self._numbers)}", email)
        code, state = self.provider.log_in(started["authorization_url"], account)
        return {"code": code, "state": state, "flow_token": started["flow_token"]}

    def _for_finish_sso(self) -> Supply:
        started = self.site.call("POST", "/v1/auth/sso/start", json={}).json()
        email = f"new-{next(self._numbers)}@example.org"
        return Supply(body=self._brought_back(started, email))

    def _for_come_back_from_sso(self) -> Supply:
        back = dict(self._for_finish_sso().body or {})
        cookie = f"{COOKIE}={back.pop('flow_token')}"
        return Supply(query=back, headers={"Cookie": cookie}, is_all=True)

    def _for_start_linking(self) -> Supply:
        return Supply(body={"password": PASSWORD}, by=self._verified())

    def _for_finish_linking(self) -> Supply:
        person = self._verified()
        started = person.post("/v1/auth/sso/link", {"password": PASSWORD}).json()
        return Supply(body=self._brought_back(started, self._email(person)), by=person)

    def _for_unlink_identity(self) -> Supply:
        supply = self._for_finish_linking()
        assert supply.by is not None
        linked = supply.by.post("/v1/auth/sso/link/confirm", supply.body).json()
        return Supply(path={"id": linked["id"]}, by=supply.by)

    # Keys.

    def _an_account(self) -> Supply:
        person = self.awake(self.site.register(f"keys-{next(self._numbers)}@example.org"))
        (account,) = person.get("/v1/accounts").json()["data"]
        return Supply(path={"id": account["id"]}, by=person)

    _for_disable_account = _for_enable_account = _an_account

    def _for_derive_accounts(self) -> Supply:
        person = self.site.register_deriving(f"derives-{next(self._numbers)}@example.org")
        return Supply(
            body={"current_password": PASSWORD, "passphrase": "seven brown foxes"}, by=person
        )

    def _for_give_up_passphrase(self) -> Supply:
        return Supply(by=self.site.register_deriving(f"leaves-{next(self._numbers)}@example.org"))

    def _for_adopt_address(self) -> Supply:
        """The account's own address is adopted already."""
        supply = self._an_account()
        assert supply.by is not None
        address = supply.by.get(f"/v1/accounts/{supply.path['id']}").json()["address"]
        return evolve(supply, body={"address": address, "network": self.site.house.network})

    def _for_change_keys(self) -> Supply:
        return evolve(self._an_account(), body={"action": "rotate"})

    def _for_get_key_change(self) -> Supply:
        supply = self._an_account()
        path = f"/v1/accounts/{supply.path['id']}/key_changes"
        made = self._made(path, {"action": "rotate"}, by=supply.by)
        return Supply(path={"id": made["id"]}, by=supply.by)

    def _for_cancel_key_change(self) -> Supply:
        return evolve(self._for_get_key_change(), body={})

    def _for_change_password(self) -> Supply:
        body = {"current_password": PASSWORD, "password": "another battery staple"}
        return Supply(body=body, by=self._person())

    def _for_end_session(self) -> Supply:
        person = self._person()
        return Supply(path={"id": person.registered["tokens"]["session"]}, by=person)

    def _for_switch_organisation(self) -> Supply:
        person = self._person()
        return Supply(body={"organisation": person.organisation}, by=person)

    def _for_set_policy(self) -> Supply:
        person = self._person()
        return Supply(path={"id": person.organisation}, by=person)

    def _for_choose_custodian(self) -> Supply:
        person = self._person()
        return Supply(path={"id": person.organisation}, body={}, by=person)

    def _for_cancel_deployment(self) -> Supply:
        return Supply(path={"id": self._made("/v1/deployments", self.site.body())["id"]})

    def _for_cancel_operation(self) -> Supply:
        return Supply(path={"id": self._ordered()})

    def _ordered(self) -> str:
        body = {
            "action": "mint",
            "parameters": {"amount": "1", "to": self._fixed["token owner"]},
        }
        made = self._made(f"/v1/tokens/{self._fixed['token']}/operations", body)
        return str(made["id"])

    def _for_retry_deployment(self) -> Supply:
        return Supply(path={"id": self._a_failed(Prefix.DEPLOYMENT)})

    def _for_retry_operation(self) -> Supply:
        return Supply(path={"id": self._a_failed(Prefix.OPERATION)})

    def _a_failed(self, prefix: Prefix) -> str:
        """Something that may be tried again; ten of each are made to fail at once."""
        if not any(each.startswith(f"{prefix}_") for each in self._failed):
            self.site.work_until_done()
            made = [
                self._made("/v1/deployments", self.site.body())["id"]
                if prefix is Prefix.DEPLOYMENT
                else self._ordered()
                for _ in range(10)
            ]
            self.site.house.chain.refuses = "the token is cursed"
            self.site.work_until_done(3)
            self.site.house.chain.refuses = None
            self._failed += made
        found = next(each for each in self._failed if each.startswith(f"{prefix}_"))
        self._failed.remove(found)
        return found

    def _awaited(self) -> dict[str, Any]:
        """A deployment that a second member is to approve."""
        boss = self.awake(self._boss)
        plan = boss.plan().json()
        chosen = {name: plan[name] for name in ("deployment_id", "plan_hash")}
        return self._made("/v1/deployments", self.site.body() | chosen, by=boss)

    def _for_get_approval(self) -> Supply:
        return Supply(path={"id": self._awaited()["id"]}, by=self._boss)

    def _for_decide_approval(self) -> Supply:
        deployment = self._awaited()
        body = {"verdict": "approved", "plan_hash": deployment["plan_hash"]}
        return Supply(path={"id": deployment["id"]}, body=body, by=self._second)

    def _for_revoke_api_key(self) -> Supply:
        return Supply(path={"id": self._made("/v1/api_keys", {"name": "ci"})["id"]})

    _for_enable_api_key = _for_revoke_api_key

    def _hold(self) -> Supply:
        hold = self._made("/v1/usage/holds", {"operation": "report"})
        return Supply(path={"id": hold["id"]})

    _for_get_usage_hold = _for_renew_usage_hold = _for_release_usage_hold = _hold

    def _for_capture_usage_hold(self) -> Supply:
        return evolve(self._hold(), body={"amount": 1})

    def _team(self) -> Supply:
        return Supply(path={"id": self._made("/v1/teams", {"name": "Ops"})["id"]})

    _for_get_team = _for_dissolve_team = _team

    def _for_change_team(self) -> Supply:
        return evolve(self._team(), body={"name": "Ops", "members": []})

    def _for_remove_quota(self) -> Supply:
        boss = self.awake(self._boss)
        path = {"id": boss.registered["member"]["id"], "window": "day"}
        boss.call("PUT", f"/v1/quotas/{path['id']}/day", json={"limit": 1_000_000})
        return Supply(path=path, by=boss)

    def _for_invite_member(self) -> Supply:
        email = f"guest-{next(self._numbers)}@example.org"
        return Supply(body={"email": email, "role": "auditor"}, by=self._boss)

    def _for_withdraw_invitation(self) -> Supply:
        body = {"email": f"guest-{next(self._numbers)}@example.org", "role": "auditor"}
        made = self._made("/v1/members/invitations", body, by=self._boss)
        return Supply(path={"id": made["id"]}, by=self._boss)

    def _for_accept_invitation(self) -> Supply:
        guest = self._person()
        token = self._invited(self._boss, self._email(guest), "auditor")
        return Supply(body={"token": token}, by=self.awake(guest))

    def _a_member(self) -> Supply:
        guest = self._person()
        token = self._invited(self._boss, self._email(guest), "auditor")
        member = self._made("/v1/invitations/accept", {"token": token}, by=guest)
        return Supply(path={"id": member["id"]}, body={"role": "issuer"}, by=self._boss)

    _for_change_member = _a_member

    def _for_remove_member(self) -> Supply:
        return evolve(self._a_member(), body=None)

    def _for_create_export(self) -> Supply:
        return Supply(body={"format": "jsonl"}, by=self.rich_person())

    def rich_person(self) -> Person:
        return self._rich(f"rich-{next(self._numbers)}@example.org")

    def _for_create_webhook_endpoint(self) -> Supply:
        return Supply(body={"url": HOOK}, by=self._person())

    def _hook(self) -> Supply:
        person = self._person()
        made = self._made("/v1/webhook_endpoints", {"url": HOOK}, by=person)
        return Supply(path={"id": made["id"]}, by=person)

    _for_delete_webhook_endpoint = _for_rotate_webhook_secret = _hook
    _for_disable_webhook_endpoint = _for_enable_webhook_endpoint = _hook

    def _for_replay_webhook_events(self) -> Supply:
        since = self.site.house.clock.now().isoformat()
        return evolve(self._hook(), body={"since": since})

    def _for_receive_stripe_event(self) -> Supply:
        self._made("/v1/billing/checkout", {"pack": "small"})
        *_, session = self.payments._sessions
        body, signature = self.payments.signed(self.payments.pay(session))
        return Supply(raw=body, headers={"Stripe-Signature": signature})


@contextmanager
def world() -> Iterator[World]:
    """One database, and the application over it; nobody is limited in how much they ask."""
    with postgres.sealed_store() as (store, seals):
        house = StoredHouse(store)
        # By the database's clock, while many things are worked on in one turn.
        house.lease = timedelta(hours=1)
        payments = MemoryPayments(house.clock.now)
        PublishCatalogue(payments=payments, catalogue=house.catalogue)()
        provider = MemoryIdentityProvider()
        rules = SignInRules(
            allowed=frozenset({"example.org"}), trusted=frozenset({"example.org"}), signs_up=True
        )
        services = services_of(
            house,
            **billing_of(house, payments),
            **sign_in_of(house, rules, provider),
            limits=Limits(read_limit_per_minute=MANY),
            count_requests=count_requests(house, requests_per_minute=MANY),
            # Streams tell what there is, and end.
            is_stopping=StopSignal(is_asked_for=True),
        )
        sealing = Sealing(house=house, seals=seals, installation=INSTALLATION_ID)
        with _in_process(create_app(services)) as client:
            yield World(Site(house, services, client), payments, provider, sealing)


@define
class Client:
    """As much of a client as `Site` asks of it, on the event loop that schemathesis has anyway."""

    app: Litestar
    _session: asgi.ASGIClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._session = asgi.get_client(self.app)

    def request(self, method: str, path: str, content: bytes | None = None, **more: Any) -> Any:
        return self._session.request(method, path, data=content, **more)

    def get(self, path: str) -> Any:
        return self.request("GET", path)


@contextmanager
def _in_process(app: Litestar) -> Iterator[Any]:
    try:
        yield Client(app)
    finally:
        # Its event loop's thread would keep the interpreter from ending.
        asgi._shutdown()
