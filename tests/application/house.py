"""The whole house in memory, with a registered organisation that can pay."""

from __future__ import annotations

import warnings
from datetime import timedelta
from uuid import UUID

from adapters.memory.chain import MemoryChain
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import DevelopmentOnlyWarning, MemoryCustodian
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.storage import MemoryStore
from application.access.caller import Caller
from application.access.register import Register, Registered, Registration
from application.accounts.create_key import CreateAccountKey
from application.deployments.advance import Advance
from application.deployments.cancel import CancelDeployment
from application.deployments.halt import Halt
from application.deployments.plan import PlanDeployment
from application.deployments.pursue import Pursuit
from application.deployments.request import Accepted, DeploymentRequest, RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.watch import WatchNetwork
from application.operator.credits import GrantCredits, SetTariff
from application.operator.treasury import Resume
from application.ports.chain import Chain
from application.ports.custody import Custodian
from application.ports.storage.deployments import Claim
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope, Store
from domain.account import Account
from domain.audit import Actor, AuditEvent
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, AccountId, OperationId, Prefix, public_id
from domain.ledger import Wallet
from domain.network import Family
from domain.operation import Signer
from domain.organisation import PERMISSIONS, Role
from domain.signing import Curve, KeyUse
from domain.token import Token, TokenKind

WORKER_ID = UUID(int=7)
LEASE = timedelta(seconds=8)
PARAMETERS = {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}


class House:
    """Arranged with commands a user could have sent; asserted on by what a user could see."""

    def __init__(self, *, funds: int = 10**15, is_account_ready: bool = True) -> None:
        self.clock = MemoryClock()
        self.identifiers = MemoryIdentifiers(self.clock)
        self.store: Store = MemoryStore(lease_clock=self.clock.seconds)
        self.chain = MemoryChain(instant=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentOnlyWarning)
            self.custodian = MemoryCustodian()
        self.network = self.chain.network.id
        with self.store.begin(Scope.installation()) as work:
            work.networks.register(self.chain.network)
        self.registered = self.register("ada@example.com")
        if is_account_ready:
            self.prepare_account()
        self.signer = self._treasury()
        self.chain.fund(self.signer.address, funds)
        self._requests = 0

    def register(self, email: str) -> Registered:
        register = Register(
            store=self.store,
            clock=self.clock,
            identifiers=self.identifiers,
            passwords=MemoryPasswords(),
            custodian="memory",
            families=frozenset({Family.EVM}),
        )
        answer = register(
            Registration(
                email=email,
                password="correct horse battery",
                organisation="Ada & Co",
                request_id="req_1",
            )
        )
        assert isinstance(answer, Registered)
        return answer

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

    def prepare_account(self) -> Account:
        with self.store.begin(self.scope) as work:
            requested = work.accounts.find(Family.EVM, live=False)
        assert requested is not None
        create = CreateAccountKey(
            store=self.store,
            custodians={"memory": self.custodian},
            chains={self.network: self.chain},
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
            Curve.SECP256K1,
            KeyUse.EVM_ACCOUNT,
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

    def request(self, **changes: object) -> Accepted | Refusal:
        self._requests += 1
        key = changes.pop("key", f"key-{self._requests}")
        request = DeploymentRequest(network=self.network, token=self.token(), **changes)  # type: ignore[arg-type]
        use_case = RequestDeployment(
            store=self.store,
            chains={self.network: self.chain},
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return use_case(self.caller, request, self.key(str(key)), b"fingerprint")

    def deploy(self, **changes: object) -> Deployment:
        """An accepted deployment."""
        answer = self.request(**changes)
        assert isinstance(answer, Accepted), answer
        return answer.deployment

    def token(self, **changes: object) -> Token:
        token = self.chain.token(TokenKind("memory_token"), PARAMETERS | changes)
        assert isinstance(token, Token)
        return token

    def key(self, text: str) -> IdempotencyKey:
        return IdempotencyKey(live=False, route="POST /v1/deployments", key=text)

    def plan(self) -> PlanDeployment:
        return PlanDeployment(
            store=self.store,
            chains={self.network: self.chain},
            custodians={"memory": self.custodian},
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def cancel(self, id: OperationId) -> Deployment | Refusal:
        cancel = CancelDeployment(
            store=self.store, clock=self.clock, identifiers=self.identifiers
        )
        return cancel(self.caller, id)

    def retry(self, id: OperationId, key: str = "again") -> Accepted | Refusal:
        retry = RetryDeployment(
            store=self.store,
            chains={self.network: self.chain},
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return retry(self.caller, id, self.key(key), b"fingerprint")

    # What the operator does.

    def grant(self, amount: int) -> None:
        grant = GrantCredits(
            store=self.store, clock=self.clock, identifiers=self.identifiers
        )
        answer = grant(self.registered.organisation.id, amount, "for the test", None)
        assert not isinstance(answer, Refusal)

    @property
    def set_tariff(self) -> SetTariff:
        return SetTariff(store=self.store, clock=self.clock, identifiers=self.identifiers)

    def resume(self) -> list[str] | Refusal:
        resume = Resume(
            store=self.store,
            chains={self.network: self.chain},
            clock=self.clock,
            identifiers=self.identifiers,
        )
        return resume(self.network, "looked at it")

    # What the worker does.

    @property
    def halt(self) -> Halt:
        return Halt(store=self.store, clock=self.clock, identifiers=self.identifiers)

    @property
    def watch(self) -> WatchNetwork:
        return WatchNetwork(
            store=self.store, chains={self.network: self.chain}, halt=self.halt
        )

    def advance(
        self,
        *,
        store: Store | None = None,
        chain: Chain | None = None,
        custodian: Custodian | None = None,
    ) -> Advance:
        """A worker's use case; its ports may be replaced by mortal ones."""
        store = store or self.store
        return Advance(
            store=store,
            chains={self.network: chain or self.chain},
            pursuit=Pursuit(store=store, custodians={"memory": custodian or self.custodian}),
            halt=Halt(store=store, clock=self.clock, identifiers=self.identifiers),
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def claims(self, store: Store | None = None) -> list[Claim]:
        with (store or self.store).begin(Scope()) as work:
            return work.claims.take(self.clock.now(), 10, LEASE, WORKER_ID)

    def work(self, rounds: int = 1) -> None:
        """Let a worker do what is due, as often as asked, a second between."""
        for _ in range(rounds):
            claims = self.claims()
            for claim in claims:
                self.advance()(claim)
            with self.store.begin(Scope()) as work:
                work.claims.give_back(claims)
            self.clock.advance(timedelta(seconds=6))

    def work_until_done(self, rounds: int = 30) -> None:
        for _ in range(rounds):
            self.work()
            if not self.open_deployments():
                return

    # What anybody may see.

    def get(self, id: OperationId) -> Deployment:
        with self.store.begin(self.scope) as work:
            deployment = work.deployments.get(id)
        assert deployment is not None
        return deployment

    def open_deployments(self) -> list[Deployment]:
        from application.ports.storage.paging import PageRequest  # noqa: PLC0415

        with self.store.begin(self.scope) as work:
            page = work.deployments.list(PageRequest(limit=100))
        return [d for d in page.items if d.state.is_open]

    @property
    def wallet(self) -> Wallet:
        with self.store.begin(self.scope) as work:
            return work.ledger.balance()

    def events(self, id: OperationId) -> list[AuditEvent]:
        with self.store.begin(self.scope) as work:
            return work.audit.of_subject(public_id(Prefix.DEPLOYMENT, id))

    def actions(self, id: OperationId) -> list[str]:
        return [event.action for event in self.events(id)]

    def tokens(self, id: OperationId) -> int:
        return self.chain.tokens_of(self.registered.organisation.id, id)

    def all_events(self) -> list[AuditEvent]:
        with self.store.begin(self.scope) as work:
            return work.audit.all(limit=10_000)


def states(events: list[AuditEvent]) -> list[str]:
    """The public states a deployment went through."""
    return [str(e.content()["details"]["state"]) for e in events if "state" in e.content()["details"]]  # type: ignore[index,operator,call-overload]


__all__ = ["House", "State", "states"]
