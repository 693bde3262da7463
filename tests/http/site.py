"""The API over the house in memory, as clients see it."""

from __future__ import annotations

import re
import threading
from typing import Any
from uuid import UUID

from attrs import define, evolve, field
from litestar.testing import TestClient

from adapters.memory.custody import MemoryPublicKeys
from adapters.memory.derivation import MemoryDerivation
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.wrapping import MemoryKeyWrapping
from adapters.system import NoPayments
from adapters.system.group_commit import GroupCommit
from application.access.api_keys import CreateApiKey, EnableApiKey, RevokeApiKey
from application.access.authenticate import Authenticate
from application.access.enrol import Registered
from application.access.identities import FinishLinking, OwnIdentities, StartLinking
from application.access.log_in import LogIn
from application.access.log_out import LogOut
from application.access.own_password import CheckOwnPassword
from application.access.own_sessions import EndSession, SwitchOrganisation
from application.access.passwords import AskForPassword, ChangePassword, ResetPassword
from application.access.refresh import Refresh
from application.access.register import Registration
from application.access.sign_in_flow import FinishFlow, StartFlow
from application.access.single_sign_on import SignIn
from application.access.throttle import CountRequests
from application.access.verify import AskToVerify, FindLetter, VerifyAddress
from application.accounts.create_key import CreateAccountKey
from application.audit.anchors import FindAnchors
from application.audit.as_of import StateAsOf
from application.audit.personal import ReadPersonal
from application.audit.trail import Trail
from application.billing.checkout import StartCheckout
from application.billing.customer_pages import ListInvoices, OpenPortal
from application.billing.receive import ReceivePaymentEvent
from application.billing.settle import Settle
from application.credits.account import StateAccount
from application.credits.post import post
from application.deployments.approve import DecideApproval, SetApprovalPolicy
from application.deployments.cancel import CancelDeployment
from application.deployments.plan import PlanDeployment
from application.deployments.request import RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.validation import ValidateToken
from application.evidence.give import GiveEvidence
from application.evidence.prove import ProveConsistency, ProveEvent
from application.exports.request import RequestExport
from application.keys.adopt import AdoptAddress
from application.keys.derive import DeriveAccounts
from application.keys.give_up import GiveUpPassphrase
from application.keys.request import ChooseCustodian, RequestKeyChange, SwitchAccount
from application.keys.withdraw import WithdrawKeyChange
from application.mail.write import ReadLetter
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.notifications.again import RotateSecret, SendAgain
from application.notifications.endpoints import ChangeEndpoints, RegisterEndpoint
from application.operator.credits import GrantCredits
from application.people.gifts import DeliverGift, SendGift
from application.people.members import AcceptInvitation, ChangeMember, Invite, ListMembers
from application.people.teams_and_quotas import ChangeQuotas, ChangeTeams
from application.ports.nodes import NodeCondition, NodePool, NodeReport
from application.ports.payments import Payments
from application.ports.storage.work import Scope
from application.tokens.inspect import Inspect
from application.tokens.request import RequestTokenOperation, ValidateOrder
from domain.abuse import AbuseRules
from domain.account import Origin
from domain.audit import OPERATOR
from domain.identifiers import (
    AccountId,
    InstallationId,
    LotId,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)
from domain.ledger import PRIORITIES, Grant, Lot, Source
from domain.network import Block
from domain.sign_in import SignInRules
from entrypoints.http.access_tokens import AccessTokens
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.services import Limits, Services
from tests.application.house import House
from tests.http.schema import faults

PASSWORD = "correct horse battery staple"
INSTALLATION_ID = InstallationId(UUID("01900000-0000-7000-8000-00000000000a"))
TOKEN = {"name": "Hazel", "symbol": "HZL", "decimals": 2, "supply": "1000"}


def services_of(house: House, **changes: Any) -> Services:
    """What the API needs, over *house*'s own store, chain and custodian."""
    common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    network = {"chains": house.chains}
    catalogue = {"catalogue": house.catalogue}
    services = Services(
        **identity_of(house),
        refresh=Refresh(**common, wrapping=MemoryKeyWrapping(), people=house.people),
        log_out=LogOut(**common, people=house.people),
        authenticate=Authenticate(store=house.store, clock=house.clock),
        count_requests=count_requests(house, requests_per_minute=10_000),
        create_api_key=CreateApiKey(**common, people=house.people),
        revoke_api_key=RevokeApiKey(**common, people=house.people),
        enable_api_key=EnableApiKey(**common, people=house.people),
        validate_token=ValidateToken(**network),
        plan_deployment=PlanDeployment(
            **common, **network, **catalogue, custodians=house.custodians
        ),
        request_deployment=RequestDeployment(
            **common, **network, **catalogue, custodians=house.custodians
        ),
        request_key_change=RequestKeyChange(
            **common, custodians=house.custodians, offered=frozenset(house.custodians)
        ),
        choose_custodian=ChooseCustodian(**common, offered=frozenset(house.custodians)),
        switch_account=SwitchAccount(**common),
        adopt_address=AdoptAddress(**common, **network),
        derive_accounts=DeriveAccounts(
            **common,
            **network,
            custodians=house.custodians,
            check=CheckOwnPassword(
                store=house.store, clock=house.clock, passwords=MemoryPasswords()
            ),
            derive=MemoryDerivation(),
            public_key_of=MemoryPublicKeys(),
        ),
        give_up_passphrase=GiveUpPassphrase(
            **common, custodians=house.custodians, chains=house.chains
        ),
        withdraw_key_change=WithdrawKeyChange(**common),
        set_approval_policy=SetApprovalPolicy(**common),
        decide_approval=DecideApproval(**common),
        cancel_deployment=CancelDeployment(**common, **network),
        retry_deployment=RetryDeployment(**common, **network, **catalogue),
        validate_order=ValidateOrder(store=house.store, **network),
        request_token_operation=RequestTokenOperation(
            **common, **network, **catalogue, custodians=house.custodians
        ),
        inspect=Inspect(store=house.store, **network),
        **billing_of(house, NoPayments()),
        spend=SpendCredits(
            together=GroupCommit(
                ServeTurn(**common, catalogue=house.catalogue, rules=AbuseRules())
            )
        ),
        send_gift=SendGift(**common),
        request_export=RequestExport(**common, has_place=True),
        export_files=house.files,
        **webhooks_of(house),
        change_teams=ChangeTeams(**common),
        change_quotas=ChangeQuotas(**common),
        state_as_of=StateAsOf(store=house.store),
        read_personal=ReadPersonal(
            store=house.store, wrapping=house.people.wrapping, cipher=house.people.cipher
        ),
        state_account=StateAccount(store=house.store, clock=house.clock, **catalogue),
        give_evidence=GiveEvidence(**common, **network, installation=INSTALLATION_ID),
        prove_event=ProveEvent(store=house.store),
        find_anchors=FindAnchors(store=house.store),
        prove_consistency=ProveConsistency(store=house.store),
        **common,
        **network,
        **catalogue,
        telemetry=house.telemetry,
        pools={house.network: StubPool()},
        documents=house.metadata,
        tokens=AccessTokens(bytes(range(32)), InstallationId(house.identifiers.next())),
        limits=Limits(read_limit_per_minute=100_000),
        is_stopping=StopSignal(),
    )
    return evolve(services, **changes)


def identity_of(house: House, *, verifies: bool = False) -> dict[str, Any]:
    """The use cases by which people come in."""
    common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    known = {**common, "people": house.people}
    secret = {**known, "passwords": MemoryPasswords()}
    written = {"write": house.write_letter, "has_mail": True}
    find = FindLetter(store=house.store, clock=house.clock)
    read = ReadLetter(wrapping=house.people.wrapping)
    log_in = LogIn(**secret)
    return {
        "register": house.registering(verifies=verifies),
        "verify_address": VerifyAddress(
            **secret,
            find=find,
            read=read,
            enrol=house.enrol(),
            log_in=log_in,
        ),
        "ask_to_verify": AskToVerify(store=house.store, clock=house.clock, **written),
        "ask_for_password": AskForPassword(**common, **written),
        "reset_password": ResetPassword(**secret, find=find, write=house.write_letter),
        "change_password": ChangePassword(**secret, write=house.write_letter),
        "end_session": EndSession(**known),
        "switch_organisation": SwitchOrganisation(**known),
        "log_in": log_in,
        **sign_in_of(house),
        "invite": Invite(**common, **written, read=read),
        "accept_invitation": AcceptInvitation(**known, find=find, read=read),
        "list_members": ListMembers(store=house.store),
        "change_member": ChangeMember(**common),
    }


def sign_in_of(house: House, rules: SignInRules | None = None, provider: Any = None) -> Any:
    """The use cases of single sign-on, with *provider*, or without any."""
    common = {"store": house.store, "clock": house.clock}
    named = {**common, "identifiers": house.identifiers}
    known = {**named, "people": house.people, "write": house.write_letter}
    passwords = MemoryPasswords()
    start = StartFlow(**named, provider=provider)
    finish = FinishFlow(**common, provider=provider)
    ruled = {"finish": finish, "rules": rules or SignInRules()}
    return {
        "start_sign_in": start,
        "sign_in": SignIn(**known, **ruled, passwords=passwords, enrol=house.enrol()),
        "start_linking": StartLinking(
            start=start, check=CheckOwnPassword(**common, passwords=passwords)
        ),
        "finish_linking": FinishLinking(**known, **ruled),
        "own_identities": OwnIdentities(**named, people=house.people),
    }


def count_requests(house: House, **rules: Any) -> CountRequests:
    return CountRequests(
        store=house.store,
        catalogue=house.catalogue,
        rules=AbuseRules(**rules),
        clock=house.clock,
        identifiers=house.identifiers,
    )


def billing_of(house: House, payments: Payments) -> dict[str, Any]:
    """The use cases that take money with *payments*."""
    common = {"store": house.store, "payments": payments}
    timed = {"clock": house.clock, "identifiers": house.identifiers, "alarms": house.alarms}
    settle = Settle(**common, **timed, catalogue=house.catalogue)
    url = "https://issue.example.com"
    return {
        "start_checkout": StartCheckout(
            **common, **timed, catalogue=house.catalogue, return_url=url
        ),
        "open_portal": OpenPortal(**common, return_url=url),
        "list_invoices": ListInvoices(**common),
        "receive_payment_event": ReceivePaymentEvent(
            payments=payments, settle=settle, clock=house.clock
        ),
    }


def webhooks_of(house: House) -> dict[str, Any]:
    """The use cases of webhook endpoints, with receivers in memory."""
    common = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    return {
        "register_endpoint": RegisterEndpoint(
            **common, egress=house.egress, secrets=house.webhook_secrets
        ),
        "change_endpoints": ChangeEndpoints(**common, egress=house.egress),
        "rotate_secret": RotateSecret(**common, secrets=house.webhook_secrets),
        "send_again": SendAgain(**common),
    }


@define(eq=False)
class StubPool(NodePool):
    """Nodes that are as a test says."""

    nodes: tuple[NodeReport, ...] = (
        NodeReport(
            name="node.example",
            archival=True,
            condition=NodeCondition.HEALTHY,
            latest=Block(number=7, hash="0x7"),
        ),
    )

    def report(self) -> tuple[NodeReport, ...]:
        return self.nodes


@define(eq=False)
class StopSignal:
    """Asked by every event stream whenever it has told what there is."""

    is_asked_for: bool = False
    _is_asked: threading.Event = field(factory=threading.Event)

    def __call__(self) -> bool:
        self._is_asked.set()
        return self.is_asked_for

    def wait_for_a_stream(self) -> None:
        assert self._is_asked.wait(10), "no stream was opened"


@define(eq=False)
class Person:
    """Somebody who calls the API, as the member or key that *token* stands for."""

    site: Site
    token: str
    #: What registering answered.
    registered: dict[str, Any] = field(factory=dict)

    @property
    def organisation(self) -> str:
        return self.registered["organisation"]["id"]

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.site.call(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> Any:
        return self.call("POST", path, json={} if body is None else body, **options)

    def plan(self, **changes: Any) -> Any:
        return self.post("/v1/deployments/plan", self.site.body() | changes)

    def create(self, key: str = "key-1", **changes: Any) -> Any:
        body = self.site.body() | changes
        return self.post("/v1/deployments", body, headers={"Idempotency-Key": key})

    def create_raw(self, body: object) -> Any:
        """As `create`, with nothing but *body*."""
        return self.post("/v1/deployments", body, headers={"Idempotency-Key": "raw"})

    def deploy(self, key: str = "key-1", **changes: Any) -> dict[str, Any]:
        """An accepted deployment."""
        answered = self.create(key, **changes)
        assert answered.status_code == 202, answered.text
        return answered.json()

    def issued(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """The token that *deployment* has made."""
        id = deployment["id"].replace("dep_", "tok_")
        answered = self.get(f"/v1/tokens/{id}")
        assert answered.status_code == 200, answered.text
        return answered.json()

    def issue(self, key: str = "key-1", **changes: Any) -> dict[str, Any]:
        """A token that exists."""
        deployment = self.deploy(key, **changes)
        self.site.work_until_done()
        return self.issued(deployment)

    def order(
        self,
        token: dict[str, Any],
        action: str,
        parameters: object = None,
        key: str = "order-1",
        **changes: Any,
    ) -> Any:
        body = {"action": action, "parameters": parameters or {}} | changes
        headers = {"Idempotency-Key": key}
        return self.post(f"/v1/tokens/{token['id']}/operations", body, headers=headers)

    def operate(self, *order: Any, **changes: Any) -> dict[str, Any]:
        """An accepted operation."""
        answered = self.order(*order, **changes)
        assert answered.status_code == 202, answered.text
        return answered.json()

    def mint(self, token: dict[str, Any], amount: str = "500", **changes: Any) -> dict[str, Any]:
        """An accepted order to create more units, for the issuing account."""
        return self.operate(token, "mint", {"amount": amount, "to": token["owner"]}, **changes)

    def key(self, **changes: Any) -> Person:
        """The same organisation through an API key."""
        answered = self.post("/v1/api_keys", {"name": "ci"} | changes)
        assert answered.status_code == 201, answered.text
        return Person(self.site, answered.json()["key"], answered.json())

    @property
    def balance(self) -> tuple[int, int]:
        answered = self.get("/v1/credits/balance").json()
        return answered["available"], answered["held"]


@define(eq=False)
class Examiner:
    """Holds every answer against what /openapi.json promises for it."""

    description: dict[str, Any]
    seen: set[str] = field(factory=set)

    def __call__(self, method: str, url: str, answered: Any) -> None:
        path = url.partition("?")[0]
        schemas = self.description["components"]["schemas"]
        status, kind = str(answered.status_code), answered.headers.get("content-type", "")
        if kind.startswith("application/problem+json"):
            self._is_a_problem(answered, schemas)
        operation = self._operation(method, path)
        if operation is None:
            return
        self.seen.add(operation["operationId"])
        assert status in operation["responses"], f"{method} {path} answered {status}"
        promised = operation["responses"][status].get("content", {})
        if kind.startswith("application/json"):
            assert not faults(answered.json(), promised["application/json"]["schema"], schemas)
        if kind.startswith("application/problem+json"):
            assert answered.json()["code"] in operation["responses"][status]["description"]

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        """A literal path wins over one with parameters, as it does in the router."""
        for template in sorted(self.description["paths"], key=lambda path: path.count("{")):
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                return self.description["paths"][template].get(method.lower())
        return None

    def _is_a_problem(self, answered: Any, schemas: dict[str, Any]) -> None:
        problem = answered.json()
        assert not faults(problem, {"$ref": "Problem"}, schemas)
        code = ERROR_CODES[problem["code"]]
        assert (answered.status_code, problem["title"]) == (code.status, code.title)
        assert problem["request_id"] == answered.headers["x-request-id"]
        assert {fault["code"] for fault in problem["errors"]} <= set(ERROR_CODES)


@define(eq=False)
class Site:
    house: House
    services: Services
    client: TestClient[Any]
    examine: Examiner = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.examine = Examiner(self.client.get("/openapi.json").json())

    @property
    def stop(self) -> StopSignal:
        signal = self.services.is_stopping
        assert isinstance(signal, StopSignal)
        return signal

    def call(self, method: str, path: str, **options: Any) -> Any:
        """What a stranger is answered."""
        answered = self.client.request(method, path, **options)
        self.examine(method, path, answered)
        return answered

    def body(self) -> dict[str, Any]:
        return {"kind": "memory_token", "network": self.house.network, "token": dict(TOKEN)}

    def register(self, email: str = "ada@example.org", *, ready: bool = True) -> Person:
        answered = self.call(
            "POST",
            "/v1/auth/register",
            json={"email": email, "password": PASSWORD, "organisation": "Ada's Assets"},
        )
        assert answered.status_code == 201, answered.text
        registered = answered.json()
        if ready:
            self.give_key(registered["organisation"]["id"])
        return Person(self, registered["tokens"]["access_token"], registered)

    def register_deriving(self, email: str = "ada@example.org") -> Person:
        """Somebody whose accounts wait for a passphrase."""
        house = self.house
        answered = house.registering(enrol=house.enrol(origin=Origin.ARC76))(
            Registration(
                email=email, password=PASSWORD, organisation="Ada's Assets", request_id="req_3"
            )
        )
        assert isinstance(answered, Registered)
        name = public_id(Prefix.ORGANISATION, answered.organisation.id)
        known = {"user": {"email": email}, "organisation": {"id": name}}
        return Person(self, self.log_in(email), known)

    def person(self, registered: dict[str, Any]) -> Person:
        """Whoever was answered that."""
        return Person(self, registered["tokens"]["access_token"], registered)

    def log_in(self, email: str = "ada@example.org", password: str = PASSWORD) -> str:
        """An access token of a new session."""
        answered = self.call("POST", "/v1/auth/login", json={"email": email, "password": password})
        assert answered.status_code == 200, answered.text
        return str(answered.json()["access_token"])

    def sell(self, person: Person, amount: int) -> None:
        """A pack, as when it was paid for."""
        organisation = OrganisationId(parse_id(Prefix.ORGANISATION, person.organisation))
        house = self.house
        now = house.clock.now()
        pack = Lot(
            id=LotId(house.identifiers.next()),
            source=Source.PACK,
            priority=PRIORITIES[Source.PACK],
            amount=amount,
            remaining=amount,
            effective_at=now,
            fact=f"pack:{house.identifiers.next()}",
            unit_cost_micros=58_000,
            currency="USD",
        )
        trail = Trail(identifiers=house.identifiers, organisation=organisation, actor=OPERATOR)
        with house.store.begin(Scope(organisation=organisation)) as work:
            post(work, trail, Grant(lot=pack, is_granted_before=False), now)
            trail.write(work)

    def deliver_gifts(self) -> None:
        house = self.house
        deliver = DeliverGift(store=house.store, clock=house.clock, identifiers=house.identifiers)
        with house.store.begin(Scope.installation()) as work:
            found = work.gifts.under_way(100)
        for giver, id in found:
            deliver(giver, id)

    @property
    def grant_credits(self) -> GrantCredits:
        house = self.house
        return GrantCredits(store=house.store, clock=house.clock, identifiers=house.identifiers)

    def give_key(self, organisation: str) -> None:
        """Do the worker's part: the issuing account gets its key."""
        id = parse_id(Prefix.ORGANISATION, organisation)
        assert id is not None
        scope = Scope(organisation=OrganisationId(id))
        with self.house.store.begin(scope) as work:
            account = work.accounts.find(self.house.chain.network.family, live=False)
        assert account is not None
        create = CreateAccountKey(
            store=self.house.store,
            custodians={self.house.custodian_scheme: self.house.custodian},
            chains=self.house.chains,
            clock=self.house.clock,
            identifiers=self.house.identifiers,
        )
        create(OrganisationId(id), AccountId(account.id))

    def work_until_done(self, rounds: int = 12) -> None:
        self.house.work(rounds)


def without_request_id(answered: Any) -> dict[str, Any]:
    """All of an answer that may be compared with another one's."""
    body = answered.json() if answered.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    ignored = {"x-request-id", "content-length", "ratelimit", "traceparent"}
    headers = {k: v for k, v in answered.headers.items() if k.lower() not in ignored}
    return {"status": answered.status_code, "headers": headers, "body": body}
