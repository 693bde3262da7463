"""An installation as it is run: PostgreSQL, two chains, an API, workers, and organisations."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
from attrs import define, evolve, field, frozen

from application.access.authenticate import write_key
from application.access.enrol import Newcomer
from application.ports.storage.work import Scope
from application.secret_hash import hash_secret
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, MemberId, OrganisationId, UserId
from domain.organisation import OF_PEOPLE, PERMISSIONS, ApiKey, Role
from entrypoints.container import Container, build_container
from entrypoints.demo.parts import NETWORKS, DemoError, Parts, configure
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import AlgodProcess
from entrypoints.devnet.anvil import Anvil
from entrypoints.settings import load

#: Changing requests a minute: more than any measurement makes.
_NO_LIMIT = 10_000_000
_SECRET_BYTES = 24
_START_SECONDS = 90.0
#: Of the chains, as of workers (`[worker] niceness`): elsewhere nodes are other machines, and what
#: they compute keeps nobody waiting for the processor.
_NICENESS = 10
#: Of each worker (`[worker] threads`): on two processors that everybody shares, more of them keep
#: the API waiting for the database.
_WORKER_THREADS = 2
#: Minutes, as everywhere but in development, where the thousands of tokens of a measurement would
#: be looked at each minute.
_DRIFT_CHECK = 60
_WORKER = {
    "TALLYSTICK_WORKER_THREADS": str(_WORKER_THREADS),
    "TALLYSTICK_WORKER_DRIFT_CHECK_MINUTES": str(_DRIFT_CHECK),
}
#: Unlimited deployments, every class of tokens.
_TARIFF = TariffName("enterprise")

NOTES = {
    "postgresql": "embedded-postgres with its defaults: fsync and synchronous_commit are on",
    "chains": "anvil with instant mining, and the Algorand simulator with a round for every group;"
    f" both at niceness {_NICENESS}, as workers are",
    "workers": f"{_WORKER_THREADS} threads each that carry deployments on; tokens are looked at"
    f" again after a minute, then every {_DRIFT_CHECK} minutes",
}


class NotReadyError(Exception):
    """A part of the installation is not what it should be by now."""


@frozen(kw_only=True)
class Customer:
    organisation: OrganisationId
    #: API keys that may do what no person has to; how much each may read in a minute is limited.
    keys: Sequence[str] = field(repr=False)

    def headers(self, turn: int = 0) -> dict[str, str]:
        """With another one of its keys each *turn*."""
        return {"Authorization": f"Bearer {self.keys[turn % len(self.keys)]}"}


@define(kw_only=True)
class Installation:
    parts: Parts
    postgres: Path
    #: Process ids of the chains, by name.
    chains: Mapping[str, int]
    customers: Sequence[Customer]
    #: Of ours, by name.
    running: dict[str, subprocess.Popen[bytes]] = field(factory=dict)

    @property
    def api(self) -> str:
        return self.parts.api

    def start(self, name: str) -> None:
        """*name*: a command of `tallystick`, and behind a dash whatever tells it from others."""
        self.running[name] = self.parts.start(name.partition("-")[0])

    def kill(self, name: str) -> None:
        """Nothing gets to clean up."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
            process.wait()
        self.running.clear()


@contextmanager
def installed(
    *, customers: int, workers: int, keys: int = 1, balance: int = 10**9
) -> Iterator[Installation]:
    """One with so many customers, each with *keys* API keys and *balance* credits.

    Where there are workers, all accounts have their keys.

    Raises: NotReadyError, DemoError.
    """
    with ExitStack() as stack:
        folder = embedded_postgres.temporary_folder()
        stack.push(partial(_cleared, folder.parent))
        database = embedded_postgres.start(folder / "postgres")
        stack.callback(embedded_postgres.stop, folder / "postgres")
        anvil = stack.enter_context(Anvil())
        algod = stack.enter_context(AlgodProcess(idle_seconds=2.0))
        for chain in (anvil.pid, algod.pid):
            _made_nice(chain)
        parts = configure(
            folder,
            database=database,
            anvil=anvil.url,
            algod=algod.urls,
            request_limit=_NO_LIMIT,
        )
        parts = evolve(parts, environment={**parts.environment, **_WORKER})
        parts.command("migrate", "--create-login")
        for network in NETWORKS:
            parts.command("treasury", "create", "--network", network)
            parts.command("treasury", "fund", "--network", network, "--amount", "1000000")
        settled = _settled(parts, customers, keys, balance)
        place = Installation(
            parts=parts,
            postgres=folder / "postgres",
            chains={"anvil": anvil.pid, "algod": algod.pid},
            customers=settled,
        )
        stack.callback(place.stop)
        place.start("serve")
        for number in range(workers):
            place.start(f"work-{number}")
        await_ready(place)
        if workers:
            await_so(place, "every account has its key", _UNREADY)
        yield place


def _made_nice(process: int) -> None:
    """All that it runs now, and what that begins later: Linux has it thread by thread."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        # Threads come and go.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), _NICENESS)


def _cleared(folder: Path, kind: type[BaseException] | None, *_: object) -> None:
    """Where something went wrong the logs stay."""
    if kind is None:
        shutil.rmtree(folder, ignore_errors=True)


#: Accounts without a key, and groundwork of the installation's own that is not laid.
_UNREADY = """
SELECT (SELECT count(*) FROM accounts WHERE state = 'requested')
     + (SELECT count(*) FROM operations WHERE due_at IS NOT NULL)
"""


def await_ready(place: Installation) -> None:
    """Raises: DemoError: the API has ended, or takes longer than anybody waits."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            place.parts.await_ready()
        except DemoError:
            if place.running["serve"].poll() is not None or time.monotonic() > deadline:
                raise
        else:
            return


def await_so(place: Installation, what: str, left: str, seconds: float = _START_SECONDS) -> None:
    """Until the query *left* counts none.  Raises: NotReadyError."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        while (row := connection.execute(left.encode()).fetchone()) and row[0]:
            if time.monotonic() > deadline:
                raise NotReadyError(f"{what}: not so after {seconds:.0f} s, {row[0]} are left")
            time.sleep(0.05)


def _settled(parts: Parts, customers: int, keys: int, balance: int) -> list[Customer]:
    container = build_container(load(None, parts.environment))
    container.store().open()
    try:
        return [_customer(container, number, keys, balance) for number in range(customers)]
    finally:
        container.store().close()


def _customer(container: Container, number: int, keys: int, balance: int) -> Customer:
    """As somebody who registers, whom the operator then gives a tariff and credits."""
    newcomer = Newcomer(
        user=UserId(container.identifiers().next()),
        email=f"customer-{number}@example.com",
        password_hash="none",  # noqa: S106 - nobody logs in
        organisation=f"Customer {number}",
        request_id="req_bench",
    )
    enrolled = container.enrol()(newcomer, lambda _work, _now: None)
    if isinstance(enrolled, Refusal):
        raise NotReadyError(enrolled.detail)
    organisation = enrolled.organisation.id
    for refusal in (
        container.set_tariff()(organisation, _TARIFF, "benchmark"),
        container.grant_credits()(organisation, balance, "benchmark", None),
    ):
        if isinstance(refusal, Refusal):
            raise NotReadyError(refusal.detail)
    return Customer(
        organisation=organisation,
        keys=[_key(container, organisation, enrolled.member.id) for _ in range(keys)],
    )


def _key(container: Container, organisation: OrganisationId, maker: MemberId) -> str:
    secret = secrets.token_hex(_SECRET_BYTES)
    key = ApiKey(
        organisation=organisation,
        id=ApiKeyId(container.identifiers().next()),
        name="benchmark",
        live=False,
        scopes=PERMISSIONS[Role.OWNER] - OF_PEOPLE,
        secret_hash=hash_secret(secret.encode()),
        hint=secret[-4:],
        created_by=maker,
        created_at=container.clock().now(),
    )
    with container.store().begin(Scope(organisation=organisation)) as work:
        work.api_keys.add(key)
    return write_key(key.id, secret, live=False)
