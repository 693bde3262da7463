"""One installation: a database, an API, workers, and the networks they are set up for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from attrs import define, evolve, field

from adapters.memory.egress import MemoryEgress
from adapters.memory.wrapping import MemoryKeyWrapping
from application.access.caller import Caller
from application.access.enrol import Registered
from application.access.register import Registration
from application.notifications.endpoints import EndpointRequest
from application.once import Answered
from application.operator.treasury import Treasury
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import InstallationId, OrganisationId, Prefix, public_id
from domain.operation import Signer
from domain.organisation import PERMISSIONS, Role
from entrypoints.custodian_settings import CustodianSettings
from entrypoints.mail_settings import MailSettings
from entrypoints.network_settings import NetworkSettings
from entrypoints.settings import Settings
from entrypoints.stripe_settings import StripeSettings
from entrypoints.treasury_settings import TreasurySettings
from tests.catalogue import FOR_TESTS, UNLIMITED
from tests.simulation.chains import ASKED_OF_CHAINS, Remote, World, pool_of
from tests.simulation.custody import Moody
from tests.simulation.database import Backup, Database
from tests.simulation.process import SEALER, Process, Queue
from tests.simulation.receivers import Receiver, Way
from tests.simulation.scheduler import Scheduler
from tests.simulation.sealing import Log
from tests.simulation.till import ASKED as ASKED_OF_TILLS
from tests.simulation.till import Till

#: Enough for whatever is asked for, in base units.
PLENTY = 10**15
_ASKED_OF_CUSTODIANS = frozenset({"sign", "create_key"})


@define(eq=False)
class Installation:
    scheduler: Scheduler
    name: str
    worlds: Mapping[str, World]
    custodian: Moody
    till: Till
    random: Random
    workers: int
    #: Nodes of each network.
    nodes: int
    #: Of a day, for one organisation on each network, in creations at the highest price.
    budget: float | None
    told: Callable[[str], None]
    #: Whether there is a sealer.
    seals: bool = False
    log: Log = field(init=False)
    database: Database = field(init=False)
    queue: Queue = field(init=False)
    wrapping: MemoryKeyWrapping = field(init=False)
    processes: dict[str, Process] = field(init=False)
    #: By process and network: its own view of each node.
    windows: dict[tuple[str, str], list[Any]] = field(factory=dict)
    egress: MemoryEgress = field(factory=MemoryEgress)
    receivers: list[Receiver] = field(factory=list)
    #: By network.
    treasuries: dict[str, str] = field(factory=dict)
    members: list[Registered] = field(factory=list)
    backups: list[Backup] = field(factory=list)
    is_restored: bool = False

    def __attrs_post_init__(self) -> None:
        self.database = Database(
            self.scheduler, self.name, lambda: UUID(int=self.random.getrandbits(128), version=4)
        )
        self.queue = Queue(self.scheduler)
        self.wrapping = MemoryKeyWrapping(chance=self.random.randbytes)
        self.log = Log(self.scheduler, self.database)
        names = ["api", *(f"worker-{number}" for number in range(1, self.workers + 1))]
        if self.seals:
            names.append(SEALER)
        self.processes = {
            name: Process(
                scheduler=self.scheduler,
                name=name,
                settings=self._settings(),
                database=self.database,
                queue=self.queue,
                outside=self._outside,
                seed=self.random.getrandbits(60),
                is_worker=name.startswith("worker"),
                log=self.log if self.seals and name in {"api", SEALER} else None,
                told=self.told,
            )
            for name in names
        }
        self.api.start()

    @property
    def api(self) -> Process:
        return self.processes["api"]

    @property
    def is_awake(self) -> bool:
        return all(not each.group.is_dead for each in self.processes.values())

    def move_in(self, organisations: int, few: int | None, signers: Sequence[Signer] = ()) -> None:
        """Networks, treasuries and organisations; *few* has only the first tariff.

        *signers* are somebody else's, whose keys are used here, too.
        """
        container = self.api.container
        container.publish_catalogue()()
        with self.database.rows.begin(Scope.installation()) as work:
            for world in self.worlds.values():
                work.networks.register(world.network)
        for id, world in self.worlds.items():
            theirs = next((each for each in signers if each.network == id), None)
            if theirs is not None:
                with self.database.rows.begin(Scope.installation()) as work:
                    work.signers.add(theirs)
                self.treasuries[id] = theirs.address
                continue
            made = container.create_treasury()(id)
            assert isinstance(made, Treasury), made
            self.treasuries[id] = made.signer.address
            world.fund(made.signer.address, PLENTY)
        for number in range(organisations):
            registered = container.register()(
                Registration(
                    email=f"owner-{number}@{self.name}.example.com",
                    password="correct horse battery",
                    organisation=f"Organisation {number}",
                    request_id="req_0",
                )
            )
            assert isinstance(registered, Registered), registered
            self.members.append(registered)
            if number != few:
                id = registered.organisation.id
                assert container.set_tariff()(id, UNLIMITED, "no quota") is None
            self._listen(number)

    def approve(self) -> None:
        """From now on somebody else has to approve what the first organisation asks for."""
        assert self.api.container.set_approval_policy()(self.caller(0), needed=True) is True

    def _listen(self, number: int) -> None:
        receiver = Receiver(self.scheduler, f"https://hooks-{number}.{self.name}.example.com/")
        self.receivers.append(receiver)
        self.egress.receivers[receiver.url] = receiver
        answer = self.api.container.register_endpoint()(
            self.caller(number),
            EndpointRequest(url=receiver.url, live=False),
            IdempotencyKey(live=False, route="endpoint", key="endpoint"),
            b"f" * 32,
        )
        assert isinstance(answer, Answered), answer

    @property
    def signers(self) -> list[Signer]:
        """Of its treasuries, as they were made."""
        rows = self.database.rows._deployments.signers.rows
        return [evolve(row, next_sequence=0) for row in rows.values() if row.is_treasury]

    def open(self) -> None:
        if self.seals:
            self.open_log()
        for process in self.processes.values():
            if process is not self.api:
                process.start()

    def open_log(self) -> None:
        """What a person does at the beginning, and where a log cannot be gone on with.

        Raises: CustodyUnavailableError, SealerBusyError, StoreUnavailableError.
        """
        logs = self.database.rows._seals.logs.rows
        closing = max(logs, default=None)
        opened = self.api.container.open_log()("looked at it", closing=closing)
        assert not isinstance(opened, Refusal), opened

    def caller(self, who: int) -> Caller:
        member = self.members[who].member
        return Caller(
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            permissions=PERMISSIONS[Role.OWNER],
            live=None,
            request_id="req_1",
            member=member.id,
            user=member.user,
        )

    def organisation(self, who: int) -> OrganisationId:
        return self.members[who].organisation.id

    # What befalls it.

    def back_up(self) -> None:
        self.backups.append(self.database.backup())

    def restore(self) -> None:
        """Everything is stopped, the newest backup is put back, everything is started."""
        if not self.backups:
            return
        self.is_restored = True
        for process in self.processes.values():
            process.die(back_after=5.0 + 20 * self.random.random())
        self.database.restart(4.0)
        self.database.restore(self.backups[-1])
        self.queue.waiting.clear()
        for world in self.worlds.values():
            world.forget_sent()

    def heal(self) -> None:
        """No fault is left: what is dead is on its way back, and every clock is right."""
        self.database.losses.clear()
        self.database.down_until = 0.0
        self.custodian.heal()
        self.till.heal()
        for receiver in self.receivers:
            receiver.moody_until = 0.0
        for process in self.processes.values():
            process.heal()

    def _outside(self, process: Process) -> Mapping[str, Any]:
        chains = {}
        for id, world in self.worlds.items():
            nodes = self.windows[process.name, id] = [world.window() for _ in range(self.nodes)]
            asked = [Remote("node", node, ASKED_OF_CHAINS, process.call_out) for node in nodes]
            chains[id] = pool_of(world.network, asked, self.scheduler) if asked[1:] else asked[0]
        keys = Remote("custodian", self.custodian, _ASKED_OF_CUSTODIANS, process.call_out)
        return {
            "chains": chains,
            "custodians": {"memory": keys},
            "wrapping": self.wrapping,
            "egress": Way(self.egress, process),
            "payments": Remote("payments", self.till, ASKED_OF_TILLS, process.call_out),
        }

    def _settings(self) -> Settings:
        return Settings(
            installation=InstallationId(UUID(int=self.random.getrandbits(128), version=4)),
            environment="development",
            database_url="",
            custodians=(CustodianSettings(scheme="memory"),),
            master_keys="",
            networks=tuple(
                NetworkSettings(
                    network=world.network,
                    nodes=(),
                    treasury=TreasurySettings(
                        daily_budget=None
                        if self.budget is None
                        else int(self.budget * world.dearest_creation)
                    ),
                )
                for world in self.worlds.values()
            ),
            stripe=StripeSettings(secret_key="sk_test_simulated", webhook_secrets=()),
            catalogue=FOR_TESTS,
            mail=MailSettings(verifies=False),
            drift_check=timedelta(hours=6),
            hourly_credits=10**6,
        )
