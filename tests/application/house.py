"""The whole house in memory, with a registered organisation that can pay.

A test arranges with commands a user, an operator or a worker could have sent, moves the world
(`chain`, `custodian`, `clock`), and asserts on what anybody could see.
"""

from __future__ import annotations

import copy
import json
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from attrs import define, evolve, field, fields
from hypothesis import settings

from adapters.local_keys import SeedSigning
from adapters.memory.alarms import MemoryAlarms
from adapters.memory.chain import MemoryChain
from adapters.memory.cipher import MemoryCipher
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from adapters.memory.egress import MemoryEgress
from adapters.memory.files import MemoryFiles
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.mail import MemoryMail
from adapters.memory.metadata import MemoryMetadata
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.storage import MemoryStore
from adapters.memory.storage.transaction import Table
from adapters.memory.telemetry import MemoryTelemetry
from adapters.memory.wrapping import MemoryKeyWrapping
from application.access.caller import Caller
from application.access.enrol import Enrol, Registered
from application.access.register import Register, Registration
from application.accounts.ask import AccountPlace
from application.accounts.create_key import CreateAccountKey
from application.audit.personal import KnowPeople
from application.deployments.advance import Advance
from application.deployments.budget import Budgets
from application.deployments.cancel import CancelDeployment
from application.deployments.full_lines import FullLines
from application.deployments.halt import Halt
from application.deployments.plan import PlanDeployment
from application.deployments.publish import Publish
from application.deployments.pursue import Pursuit
from application.deployments.request import Accepted, DeploymentRequest, RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.watch import WatchNetwork
from application.exports.make import MakeExport
from application.mail.send import SendLetter
from application.mail.write import ReadLetter, WriteLetter
from application.notifications.deliver import DeliverWebhooks
from application.notifications.fan_out import FanOut
from application.notifications.secrets import EndpointSecrets
from application.operator.credits import GrantCredits, SetTariff
from application.operator.end import EndOperation
from application.operator.treasury import Resume
from application.ports.chain import Chain, ChainUnavailableError
from application.ports.clock import Clock
from application.ports.custody import Custodian
from application.ports.identifiers import Identifiers
from application.ports.metadata import MetadataStore
from application.ports.storage.deployments import Claim
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import (
    FenceLostError,
    LeaseLostError,
    Scope,
    Store,
    StoreUnavailableError,
)
from application.tokens.request import (
    RequestTokenOperation,
    TokenOperationRequest,
    ValidateOrder,
)
from domain.abuse import DEFAULT_RULES
from domain.account import Account
from domain.audit import Actor, AuditEvent
from domain.catalogue import Catalogue
from domain.deployment import Deployment, State
from domain.errors import FieldFault, Refusal
from domain.identifiers import INSTALLATION, AccountId, OperationId, Prefix, public_id
from domain.ledger import JournalEntry, Wallet
from domain.network import NetworkStatus
from domain.operation import (
    Intent,
    OperationKind,
    SignedTransaction,
    Signer,
    Submission,
    WaitReason,
)
from domain.organisation import PERMISSIONS, Role
from domain.signing import Curve, PublicKey
from domain.token import Action, Order, Token, TokenKind
from domain.treasury import Budget
from entrypoints.assembly import table_formats
from tests.application.mortal import Death, Fate, Mortal, MortalStore
from tests.catalogue import FOR_TESTS

WORKER_ID = UUID(int=7)
LEASE = timedelta(seconds=8)
#: After it, whatever a dead worker had leased is free.
LEASE_IS_OVER = timedelta(seconds=9)
PARAMETERS = {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}
#: What a test makes of one idempotency key.
FINGERPRINT = b"f" * 32

PROVING = os.environ.get("TALLYSTICK_PROVE") == "1"


def examples(number: int) -> settings:
    """As many examples as every run can bear; twenty times as many where it is to be proven."""
    return settings(max_examples=number * (20 if PROVING else 1), deadline=None)


@define(eq=False)
class WitnessedChain(MemoryChain):
    """Remembers what it was sent, and complains of a slot taken while an older one lives."""

    #: By step of an operation: the nonces in which its effect was ever sent.
    slots: dict[tuple[str, int], set[int]] = field(factory=lambda: defaultdict(set))
    complaints: list[str] = field(factory=list)

    def submit(self, transaction: SignedTransaction) -> Submission:
        sent = json.loads(transaction.raw[128:])
        for act in (sent["does"] or {}).values():
            step, nonce = (act["operation"], act.get("step", 1)), sent["nonce"]
            taken = self.node.nonce_at(sent["sender"], self._final)
            alive = [old for old in self.slots[step] if old != nonce and old >= taken]
            if alive:
                self.complaints.append(f"{step} is sent in {nonce} while {alive} live")
            self.slots[step].add(nonce)
        # attrs makes a new class for its slots, so the short form of super is blind here.
        return super().submit(transaction)


class House:
    """Arranged with commands a user could have sent; asserted on by what a user could see."""

    clock: Clock
    identifiers: Identifiers
    store: Store
    custodian: Custodian
    lease = LEASE
    catalogue: Catalogue = FOR_TESTS
    custodian_scheme = "memory"
    budgets = Budgets()

    def __init__(
        self,
        *,
        funds: int = 10**15,
        is_account_ready: bool = True,
        instant: bool = True,
        ready: bool = True,
    ) -> None:
        self.clock = MemoryClock()
        self.identifiers = MemoryIdentifiers(self.clock)
        self.store = MemoryStore(lease_clock=self.clock.seconds)
        self.chain = WitnessedChain(instant=instant)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentOnlyWarning)
            self.custodian = MemoryCustodian()
        if ready:
            self.move_in(is_account_ready=is_account_ready)
            self.chain.fund(self.signer.address, funds)

    def move_in(self, *, is_account_ready: bool = True) -> None:
        """Register the network, a treasury and an organisation."""
        self.network = self.chain.network.id
        with self.store.begin(Scope.installation()) as work:
            work.networks.register(self.chain.network)
        self.registered = self.register("ada@example.com")
        if is_account_ready:
            self.prepare_account()
        self.signer = self._treasury()
        self._requests = 0

    @property
    def alarms(self) -> MemoryAlarms:
        """What was sounded so far; made when it is first looked at."""
        made: MemoryAlarms = self.__dict__.setdefault("_alarms", MemoryAlarms())
        return made

    @property
    def full(self) -> FullLines:
        """What its workers have heard of full lines; made when it is first looked at."""
        made: FullLines | None = self.__dict__.get("_full")
        if made is None or made.clock is not self.clock:
            made = self.__dict__["_full"] = FullLines(self.clock)
        return made

    @property
    def telemetry(self) -> MemoryTelemetry:
        """What was watched so far; made when it is first looked at."""
        made: MemoryTelemetry = self.__dict__.setdefault("_telemetry", MemoryTelemetry())
        return made

    @property
    def metadata(self) -> MemoryMetadata:
        """Where documents are published; made when it is first looked at."""
        made: MemoryMetadata = self.__dict__.setdefault("_metadata", MemoryMetadata())
        return made

    @property
    def files(self) -> MemoryFiles:
        """Where exports are; made when it is first looked at."""
        made: MemoryFiles = self.__dict__.setdefault("_files", MemoryFiles())
        return made

    def make_export(self, **changes: Any) -> MakeExport:
        """The use case, with files in memory."""
        settings: dict[str, Any] = {
            "store": self.store,
            "files": self.files,
            "formats": table_formats(),
            "clock": self.clock,
            "identifiers": self.identifiers,
            "part_limit": 2**20,
            "kept_for": timedelta(days=7),
        }
        return MakeExport(**settings | changes)

    @property
    def egress(self) -> MemoryEgress:
        """Receivers of webhooks; made when it is first looked at."""
        made: MemoryEgress = self.__dict__.setdefault("_egress", MemoryEgress())
        return made

    @property
    def webhook_secrets(self) -> EndpointSecrets:
        """With a wrapping of the house's own; made when it is first looked at."""
        made: EndpointSecrets = self.__dict__.setdefault(
            "_webhook_secrets",
            EndpointSecrets(
                wrapping=MemoryKeyWrapping(),
                seeds=SeedSigning(),
                identifiers=self.identifiers,
            ),
        )
        return made

    @property
    def deliver_webhooks(self) -> DeliverWebhooks:
        return DeliverWebhooks(
            store=self.store,
            egress=self.egress,
            secrets=self.webhook_secrets,
            telemetry=self.telemetry,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def tell(self, rounds: int = 100) -> int:
        """Do what a worker does for webhooks until nothing is due; how many messages were sent."""
        fan_out = FanOut(store=self.store, clock=self.clock, identifiers=self.identifiers)
        deliver, sent = self.deliver_webhooks, 0
        for _ in range(rounds):
            made = sum(fan_out(each) for each in fan_out.behind())
            claims = deliver.take(10, slow=10)
            sent += sum(deliver(claim) for claim in claims)
            if not made and not claims:
                return sent
        raise AssertionError("webhooks do not come to an end")

    @property
    def people(self) -> KnowPeople:
        """With a wrapping and a cipher of the house's own; made when it is first looked at."""
        made: KnowPeople | None = self.__dict__.get("_people")
        if made is None or made.store is not self.store:
            made = self.__dict__["_people"] = KnowPeople(
                store=self.store,
                wrapping=MemoryKeyWrapping(),
                cipher=MemoryCipher(),
                clock=self.clock,
                identifiers=self.identifiers,
            )
        return made

    def enrol(self, **changes: Any) -> Enrol:
        """Whoever is let in, with an account in the network's place."""
        places = {AccountPlace(self.chain.network.family.value, False)}
        settings: dict[str, Any] = {
            "store": self.store,
            "clock": self.clock,
            "identifiers": self.identifiers,
            "catalogue": self.catalogue,
            "people": self.people,
            "custodian": self.custodian_scheme,
            "places": frozenset(places),
        }
        return Enrol(**settings | changes)

    @property
    def write_letter(self) -> WriteLetter:
        return WriteLetter(
            wrapping=self.people.wrapping, clock=self.clock, identifiers=self.identifiers
        )

    @property
    def mail(self) -> MemoryMail:
        """What was sent so far; made when it is first looked at."""
        made: MemoryMail = self.__dict__.setdefault("_mail", MemoryMail())
        return made

    def send_letter(self, **changes: Any) -> SendLetter:
        settings: dict[str, Any] = {
            "store": self.store,
            "mail": self.mail,
            "read": ReadLetter(wrapping=self.people.wrapping),
            "clock": self.clock,
            "url": "https://issue.example.com",
        }
        return SendLetter(**settings | changes)

    def post(self, send: SendLetter | None = None) -> list[str]:
        """What the worker does with the letters that are due; what it would log."""
        with self.store.begin(Scope()) as work:
            due = work.letters.due(self.clock.now(), 100)
        told = [(send or self.send_letter())(organisation, id) for organisation, id in due]
        return [each for each in told if each]

    def registering(self, **changes: Any) -> Register:
        """The use case; `verifies` has it write a letter first."""
        settings: dict[str, Any] = {
            "store": self.store,
            "clock": self.clock,
            "identifiers": self.identifiers,
            "passwords": MemoryPasswords(),
            "enrol": self.enrol(),
            "write": self.write_letter,
            "verifies": False,
            "has_mail": True,
        }
        return Register(**settings | changes)

    def register(self, email: str) -> Registered:
        answer = self.registering()(
            Registration(
                email=email,
                password="correct horse battery",
                organisation="Ada & Co",
                request_id="req_1",
            )
        )
        assert isinstance(answer, Registered)
        return answer

    def neighbour(self, email: str = "grace@example.com") -> House:
        """The same house as another organisation sees it."""
        other = copy.copy(self)
        other.registered = self.register(email)
        other._requests = 0
        other.prepare_account()
        return other

    @property
    def scope(self) -> Scope:
        return Scope(organisation=self.registered.organisation.id)

    @property
    def caller(self) -> Caller:
        member = self.registered.member
        return Caller(
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_2",
            member=member.id,
            user=member.user,
        )

    @property
    def custodians(self) -> dict[str, Custodian]:
        return {self.custodian_scheme: self.custodian}

    @property
    def chains(self) -> dict[Any, Chain]:
        return {self.network: self.chain}

    def prepare_account(self) -> Account:
        with self.store.begin(self.scope) as work:
            requested = work.accounts.find(self.chain.network.family, live=False)
        assert requested is not None
        create = CreateAccountKey(
            store=self.store,
            custodians={self.custodian_scheme: self.custodian},
            chains=self.chains,
            clock=self.clock,
            identifiers=self.identifiers,
        )
        account = create(requested.organisation, requested.id)
        assert account is not None
        return account

    def _treasury(self) -> Signer:
        described = self.custodian.create_key(
            INSTALLATION,
            AccountId(self.identifiers.next()),
            self.chain.curve,
            self.chain.network.family.key_use,
        )
        signer = Signer(
            network=self.network,
            address=self.chain.address(described.public_key),
            key=described.key,
            public_key=described.public_key,
            next_sequence=0,
        )
        with self.store.begin(Scope.installation()) as work:
            work.signers.add(signer)
        return signer

    # What a member does.

    def request(self, **changes: Any) -> Accepted | Refusal:
        """Ask for a deployment; `key`, `fingerprint`, `caller`, `store`, `rules` may be others."""
        self._requests += 1
        key = changes.pop("key", f"key-{self._requests}")
        fingerprint = changes.pop("fingerprint", FINGERPRINT)
        caller = changes.pop("caller", self.caller)
        use_case = RequestDeployment(
            catalogue=self.catalogue,
            store=changes.pop("store", self.store),
            chains=self.chains,
            custodians=changes.pop("custodians", self.custodians),
            clock=self.clock,
            identifiers=self.identifiers,
            rules=changes.pop("rules", DEFAULT_RULES),
            budgets=self.budgets,
        )
        wanted = {"network": self.network, "token": self.token()} | changes
        request = DeploymentRequest(**wanted)
        return use_case(caller, request, self.key(str(key)), fingerprint)

    def deploy(self, **changes: Any) -> Deployment:
        """An accepted deployment."""
        answer = self.request(**changes)
        assert isinstance(answer, Accepted), answer
        return answer.deployment

    def token(self, **changes: object) -> Token:
        token = self.chain.token(TokenKind("memory_token"), PARAMETERS | changes)
        assert isinstance(token, Token)
        return token

    def key(self, text: str, route: str = "POST /v1/deployments") -> IdempotencyKey:
        return IdempotencyKey(live=False, route=route, key=text)

    def issue(self, **changes: Any) -> Deployment:
        """A deployment that was carried out: there is a token."""
        id = self.deploy(**changes).id
        self.work_until_done()
        issued = self.get(id)
        assert issued.state is State.COMPLETED, (issued.state, issued.waiting, issued.failure)
        return issued

    def issue_by_hand(self) -> Deployment:
        """As `issue`, where blocks come only when they are called for."""
        id = self.deploy().id
        for _ in range(8):
            self.work()
            self.chain.mine()
        assert self.get(id).state is State.COMPLETED
        return self.get(id)

    def validate(
        self,
        token: OperationId,
        action: Action,
        parameters: Mapping[str, object],
        caller: Caller | None = None,
    ) -> Order | Refusal | tuple[FieldFault, ...]:
        validate = ValidateOrder(store=self.store, chains=self.chains)
        return validate(caller or self.caller, token, action, parameters)

    def ask(self, token: OperationId, order: Order, **changes: Any) -> Accepted | Refusal:
        """Ask for an operation on a token; `key`, `fingerprint`, `caller`, `store` as above."""
        self._requests += 1
        key = changes.pop("key", f"key-{self._requests}")
        fingerprint = changes.pop("fingerprint", FINGERPRINT)
        caller = changes.pop("caller", self.caller)
        use_case = RequestTokenOperation(
            catalogue=self.catalogue,
            store=changes.pop("store", self.store),
            chains=self.chains,
            custodians=changes.pop("custodians", self.custodians),
            clock=self.clock,
            identifiers=self.identifiers,
            budgets=self.budgets,
        )
        request = TokenOperationRequest(token=token, order=order, **changes)
        return use_case(caller, request, self.key(str(key), "POST /v1/tokens/{id}"), fingerprint)

    def order(
        self, token: OperationId, action: Action = Action.MINT, **parameters: object
    ) -> Order:
        """A validated one; to mint is to mint 250 for a stranger."""
        if action is Action.MINT:
            parameters = {"amount": "250", "to": self.a_stranger} | parameters
        order = self.validate(token, action, parameters)
        assert isinstance(order, Order), order
        return order

    def operate(
        self, token: OperationId, action: Action = Action.MINT, **parameters: object
    ) -> Deployment:
        """An accepted operation on a token."""
        answer = self.ask(token, self.order(token, action, **parameters))
        assert isinstance(answer, Accepted), answer
        return answer.deployment

    @property
    def a_stranger(self) -> str:
        """The address of somebody who has nothing to do with it."""
        length = 32 if self.chain.curve is Curve.ED25519 else 64
        return self.chain.address(PublicKey(self.chain.curve, bytes(length)))

    def plan(self) -> PlanDeployment:
        return PlanDeployment(
            catalogue=self.catalogue,
            store=self.store,
            chains=self.chains,
            custodians={self.custodian_scheme: self.custodian},
            clock=self.clock,
            identifiers=self.identifiers,
            budgets=self.budgets,
        )

    def cancel(
        self, id: OperationId, store: Store | None = None, caller: Caller | None = None
    ) -> Deployment | Refusal:
        cancel = CancelDeployment(
            store=store or self.store,
            chains={self.network: self.chain},
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return cancel(caller or self.caller, id)

    def retry(
        self,
        id: OperationId,
        key: str = "again",
        store: Store | None = None,
        caller: Caller | None = None,
    ) -> Accepted | Refusal:
        retry = RetryDeployment(
            catalogue=self.catalogue,
            store=store or self.store,
            chains=self.chains,
            clock=self.clock,
            identifiers=self.identifiers,
            budgets=self.budgets,
        )
        return retry(caller or self.caller, id, self.key(key), FINGERPRINT)

    # What the operator does.

    def grant(self, amount: int) -> None:
        grant = GrantCredits(store=self.store, clock=self.clock, identifiers=self.identifiers)
        answer = grant(self.registered.organisation.id, amount, "for the test", None)
        assert not isinstance(answer, Refusal)

    @property
    def set_tariff(self) -> SetTariff:
        return SetTariff(
            store=self.store,
            catalogue=self.catalogue,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def resume(self) -> list[str] | Refusal:
        resume = Resume(
            store=self.store, chains=self.chains, clock=self.clock, identifiers=self.identifiers
        )
        return resume(self.network, "looked at it")

    def operator_looks(self) -> None:
        """Resume whatever is halted."""
        assert not isinstance(self.resume(), Refusal)

    def end(self, id: OperationId, reason: str = "given up") -> Deployment | Refusal:
        end = EndOperation(
            store=self.store,
            chains=self.chains,
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return end(self.registered.organisation.id, id, reason)

    def change_signer(self, address: str | None = None, **changes: Any) -> None:
        """The operator's hand on an account, by default the treasury's: its limit, a halt."""
        with self.store.begin(Scope.installation()) as work:
            signer = work.signers.lock(self.network, address or self.signer.address)
            assert signer is not None
            work.signers.put(evolve(signer, **changes))

    @property
    def allowance(self) -> int:
        """What is set aside of the day's budget for a deployment."""
        intent = Intent(
            organisation=self.registered.organisation.id,
            operation=OperationId(UUID(int=1)),
            step=1,
            token=self.token(),
            owner=self.signer.address,
            sender=self.signer.address,
        )
        return self.chain.allowance(intent)

    def budget(self) -> Budget:
        """What is taken of today's."""
        with self.store.begin(self.scope) as work:
            return work.native_budgets.used(self.network, self.clock.now().date())

    # What the worker does.

    @property
    def halt(self) -> Halt:
        return Halt(
            store=self.store,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    @property
    def watch(self) -> WatchNetwork:
        return WatchNetwork(store=self.store, chains=self.chains, halt=self.halt)

    def advance(
        self,
        *,
        store: Store | None = None,
        chain: Chain | None = None,
        custodian: Custodian | None = None,
        metadata: MetadataStore | None = None,
    ) -> Advance:
        """A worker's use case; its ports may be replaced by mortal ones."""
        store = store or self.store
        return Advance(
            catalogue=self.catalogue,
            store=store,
            chains={self.network: chain or self.chain},
            pursuit=Pursuit(
                store=store,
                custodians={
                    **self.custodians,
                    self.custodian_scheme: custodian or self.custodian,
                },
            ),
            publish=Publish(metadata=metadata or self.metadata),
            halt=Halt(
                store=store,
                alarms=self.alarms,
                clock=self.clock,
                identifiers=self.identifiers,
            ),
            full=self.full,
            alarms=self.alarms,
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def mortal_advance(self, fate: Fate) -> Advance:
        return self.advance(
            store=MortalStore(self.store, fate),
            chain=Mortal(self.chain, fate),  # type: ignore[arg-type]  # passes all on
            custodian=Mortal(self.custodian, fate),  # type: ignore[arg-type]  # as above
            metadata=Mortal(self.metadata, fate),  # type: ignore[arg-type]  # as above
        )

    def claims(self, store: Store | None = None, limit: int = 100) -> list[Claim]:
        with (store or self.store).begin(Scope()) as work:
            return work.claims.take(self.clock.now(), limit, self.lease, WORKER_ID)

    def give_back(self, claims: list[Claim], store: Store | None = None) -> None:
        with (store or self.store).begin(Scope()) as work:
            work.claims.give_back(claims)

    def pass_time(self, by: timedelta) -> None:
        assert isinstance(self.clock, MemoryClock)
        self.clock.advance(by)

    def work(self, rounds: int = 1) -> None:
        """Let a worker do what is due, as often as asked, six seconds between."""
        for _ in range(rounds):
            claims = self.claims()
            for claim in claims:
                self.advance()(claim)
            self.give_back(claims)
            self.pass_time(timedelta(seconds=6))

    def work_until_done(self, rounds: int = 30) -> None:
        for _ in range(rounds):
            self.work()
            if not self.open_deployments():
                return

    def life(self, fate: Fate) -> None:
        """One worker's life: until it dies, or has nothing to do at this moment."""
        store = MortalStore(self.store, fate)
        try:
            claims = self.claims(store)
            for claim in claims:
                try:
                    self.mortal_advance(fate)(claim)
                except (LeaseLostError, FenceLostError, StoreUnavailableError):
                    continue
            self.give_back(claims, store)
        except Death:
            return

    def lives(self, fate: Fate, rounds: int = 80) -> None:
        """Worker after worker until everything is over; an operator resumes what was halted."""
        for _ in range(rounds):
            self.lives_once(fate)
            if not self.open_deployments():
                return
        raise AssertionError(f"not over after {rounds} lives: {self.open_deployments()}")

    def lives_once(self, fate: Fate) -> None:
        self.life(fate)
        self.pass_time(LEASE_IS_OVER)
        if isinstance(self.chain, MemoryChain) and not self.chain.instant:
            self.chain.mine()
        for each in self.open_deployments():
            if each.order and each.waiting is WaitReason.TREASURY_EMPTY and each.owner:
                # What an issuer was given for its order went with what came to nothing.
                self.chain.fund(each.owner, 10**12)
        if self.is_halted:
            self.chain.finalise()
            with suppress(ChainUnavailableError):
                self.operator_looks()

    # The machine room.

    def backup(self) -> list[tuple[Any, dict[Any, Any]]]:
        """Every row of the store in memory: rows are frozen, so a shallow copy is a backup."""
        return [(table, dict(table.rows)) for table in self._tables()]

    def restore(self, backup: list[tuple[Any, dict[Any, Any]]]) -> None:
        for table, rows in backup:
            table.rows = dict(rows)

    def _tables(self) -> list[Any]:
        groups = [getattr(self.store, attribute.name) for attribute in fields(MemoryStore)]
        members = [
            getattr(group, attribute.name)
            for group in groups
            if type(group).__name__.endswith("Tables")
            for attribute in fields(type(group))
        ]
        # A sequence is no table: as in the database, a restored backup does not wind it back.
        return [member for member in members if isinstance(member, Table)]

    # What anybody may see.

    def get(self, id: OperationId) -> Deployment:
        with self.store.begin(self.scope) as work:
            deployment = work.deployments.get(id)
        assert deployment is not None
        return deployment

    def deployments(self) -> Sequence[Deployment]:
        with self.store.begin(self.scope) as work:
            return work.deployments.list(PageRequest(limit=100)).items

    def operations(self) -> Sequence[Deployment]:
        """Deployments, and what is done with their tokens."""
        with self.store.begin(self.scope) as work:
            page = PageRequest(limit=100)
            return work.deployments.list(page, kinds=frozenset(OperationKind)).items

    def open_deployments(self) -> list[Deployment]:
        return [d for d in self.operations() if d.state.is_open]

    @property
    def wallet(self) -> Wallet:
        with self.store.begin(self.scope) as work:
            return work.ledger.balance()

    @property
    def credits(self) -> tuple[int, int, int]:
        """Available, held, spent."""
        spent = sum(
            entry.posting.amount
            for entry in self.journal()
            if entry.posting.action == "credits.captured"
        )
        return self.wallet.available, self.wallet.held, spent

    @property
    def open_holds(self) -> int:
        with self.store.begin(self.scope) as work:
            return work.ledger.open_holds()

    def journal(self) -> list[JournalEntry]:
        """Oldest first."""
        with self.store.begin(self.scope) as work:
            page = work.ledger.journal(before=None, limit=10_000)
        return list(reversed(page.items))

    def events(self, id: OperationId) -> list[AuditEvent]:
        with self.store.begin(self.scope) as work:
            known = work.deployments.get(id)
            named = known.named if known else public_id(Prefix.DEPLOYMENT, id)
            return work.audit.of_subject(named)

    def actions(self, id: OperationId) -> list[str]:
        return [event.action for event in self.events(id)]

    def waits(self, id: OperationId) -> list[str]:
        """Why it waited, as far as its history says."""
        return [
            str(_details(event)["reason"])
            for event in self.events(id)
            if event.action.endswith(".waiting")
        ]

    def all_events(self) -> list[AuditEvent]:
        with self.store.begin(self.scope) as work:
            return work.audit.all(limit=10_000)

    def operator_actions(self) -> list[str]:
        with self.store.begin(Scope.installation()) as work:
            return [event.action for event in work.audit.all(limit=10_000)]

    def tokens(self, id: OperationId) -> int:
        return self.chain.tokens_of(self.registered.organisation.id, id)

    def effects(self, operation: Deployment) -> int:
        """How often it has had its effect: a token made, or an order carried out."""
        if operation.order is None:
            return self.tokens(operation.id)
        return self.chain.calls_of(self.registered.organisation.id, operation.id)

    def supply(self, token: Deployment) -> int:
        assert token.result is not None
        return self.chain.supply_of(token.result)

    def signer_now(self, address: str | None = None) -> Signer:
        with self.store.begin(Scope.installation()) as work:
            signer = work.signers.get(self.network, address or self.signer.address)
        assert signer is not None
        return signer

    @property
    def network_status(self) -> NetworkStatus:
        with self.store.begin(Scope.installation()) as work:
            return work.networks.status(self.network)

    @property
    def is_halted(self) -> bool:
        with self.store.begin(Scope.installation()) as work:
            halts = [signer.halted for signer in work.signers.of_network(self.network)]
        return self.network_status.halted is not None or any(halts)

    # Sentences that hold whatever happened.

    def is_intact(self) -> None:
        """No open hold without an open deployment, no gap, no credit from nowhere."""
        deployments = self.operations()
        assert not getattr(self.chain, "complaints", [])
        for deployment in deployments:
            self._is_consistent(deployment)
        still_held = [d for d in deployments if d.state.is_open]
        assert self.open_holds == len(still_held)
        assert self.wallet.held == sum(d.credits for d in still_held)
        self._journal_sums_up()
        self._audit_has_no_gap()

    def _is_consistent(self, deployment: Deployment) -> None:
        tokens = self.effects(deployment)
        assert tokens <= 1
        endings = Counter(
            entry.posting.action
            for entry in self.journal()
            if entry.subject == deployment.id and entry.posting.action != "credits.expired"
        )
        holds, ends = endings["credits.held"], endings["credits.captured"]
        ends += endings["credits.released"]
        match deployment.state:
            case State.COMPLETED:
                assert tokens == 1
                assert endings["credits.captured"] == 1
                assert holds == ends
                assert "Cancelled" not in states(self.events(deployment.id))
            case State.FAILED if deployment.may_retry:
                assert tokens == 0
                assert endings["credits.captured"] == 0
                assert holds == ends
            case State.FAILED:
                assert endings["credits.captured"] == 1
                assert holds == ends
            case State.CANCELLED:
                assert tokens == 0
                # What is signed is never cancelled, unless it is proven that it cannot land.
                slots = (slot for step in deployment.steps for slot in step.slots)
                assert all(slot.state.is_dead for slot in slots)
                assert endings["credits.captured"] == 0
                assert holds == ends
            case _:
                assert endings["credits.captured"] == 0
                assert holds == ends + 1
        seen = states(self.events(deployment.id))
        assert (seen or ["Queued"])[-1] == deployment.state.value

    def _journal_sums_up(self) -> None:
        journal, sums = self.journal(), Counter[str]()
        assert [entry.sequence for entry in journal] == list(range(1, len(journal) + 1))
        for entry in journal:
            sums[entry.posting.debit] -= entry.posting.amount
            sums[entry.posting.credit] += entry.posting.amount
            assert min(sums["available"], sums["held"], sums["spent"]) >= 0
        wallet = self.wallet
        assert (sums["available"], sums["held"]) == (wallet.available, wallet.held)
        assert sum(lot.remaining for lot in wallet.lots) == wallet.available
        told = [_details(e)["journal_sequence"] for e in self.all_events() if _is_posting(e)]
        assert told == [entry.sequence for entry in journal], "one audit event per journal line"

    def _audit_has_no_gap(self) -> None:
        events = self.all_events()
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert [event.content()["sequence"] for event in events] == [e.sequence for e in events]


def states(events: list[AuditEvent]) -> list[str]:
    """The public states a deployment went through."""
    return [str(_details(event)["state"]) for event in events if "state_before" in _details(event)]


def _details(event: AuditEvent) -> dict[str, Any]:
    details = event.content()["details"]
    assert isinstance(details, dict)
    return details


def _is_posting(event: AuditEvent) -> bool:
    return event.action.startswith("credits.")


__all__ = ["House", "State", "states"]
