"""The demo's real parts in a folder of their own: PostgreSQL, two chains, the API, a worker, and
a loopback Stripe.
"""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from uuid import uuid4

from attrs import frozen

from domain.identifiers import Prefix, public_id
from entrypoints.demo.custody import custodian
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import AlgodProcess
from entrypoints.devnet.anvil import Anvil
from entrypoints.devnet.processes import free_port, spawn
from entrypoints.devnet.stripe import TEST_KEY, stripe_loopback

EVM = "eip155:31337"
#: `tallystick devnet` without a seed is always the same chain.
GENESIS = "xkEz6tNEbMPRgszGpAARO5o6PgDKf1fTWTVi8Ghgsc0="
ALGORAND = "algorand:xkEz6tNEbMPRgszGpAARO5o6PgDKf1fT"
NETWORKS = (EVM, ALGORAND)
#: Signs what the loopback Stripe tells.
WEBHOOK_SECRET = "whsec_demo"  # noqa: S105 - of the loopback Stripe
_START_SECONDS = 30.0

_CONFIGURATION = """\
[installation]
id = "{installation}"
environment = "development"

[http]
host = "127.0.0.1"
port = {port}
request_limit = {request_limit}

[egress]
allow_loopback = true

[networks."{EVM}"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["{anvil}"]
{finality}
fee_ceiling = 100_000_000_000
native_currency = "ETH"
poll_milliseconds = {poll_milliseconds}
replace_after_seconds = {replace_after_seconds}

[networks."{ALGORAND}"]
name = "tallystick devnet"
family = "algorand"
class = "development"
genesis = "{GENESIS}"
nodes = [{algod}]
min_sources = {sources}
finality_depth = 0
fee_ceiling = 10_000
native_currency = "ALGO"
native_decimals = 6
window = {window}
poll_milliseconds = {poll_milliseconds}
"""


class DemoError(Exception):
    """A part of the demo did not do what it should; says which, and where its log is."""


@frozen(kw_only=True)
class Parts:
    folder: Path
    api: str
    #: Of the EVM chain: JSON-RPC.
    anvil: str
    #: Of the Algorand chain: algod's HTTP.
    algod: tuple[str, ...]
    #: As the superuser: the demo's own checks look past every policy.
    database: str
    #: What the processes of ours are started with.
    environment: Mapping[str, str]
    #: Of the loopback Stripe; empty: no money is taken.
    stripe: str = ""

    def command(self, *arguments: str) -> dict[str, object]:
        """Run ``tallystick … --json`` and read its answer."""
        answer: dict[str, object] = self._answer(*arguments)
        return answer

    def listing(self, *arguments: str) -> list[dict[str, object]]:
        """As `command`, of one that answers about several things."""
        answer: list[dict[str, object]] = self._answer(*arguments)
        return answer

    def _answer(self, *arguments: str) -> Any:
        done = subprocess.run(
            [*_tallystick(), *arguments, "--json"],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"tallystick {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout.splitlines()[-1])

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process of ours; its log is in the folder."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return spawn(
                [*_tallystick(), *arguments],
                dies_by=signal.SIGTERM,
                env=dict(self.environment),
                stdout=log,
                stderr=log,
            )

    def await_ready(self) -> None:
        """Raises: DemoError."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.api}/readyz", timeout=2):  # noqa: S310 - ours
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        raise DemoError(f"the API is not ready; see {self.folder / 'serve.log'}")


def configure(
    folder: Path,
    *,
    database: str,
    anvil: str,
    algod: Sequence[str],
    port: int | None = None,
    finality: str = 'finality_tag = "finalized"',
    request_limit: int = 60,
    poll_milliseconds: int = 200,
    replace_after_seconds: int = 30,
    window: int = 1000,
    stripe: str = "",
    custodian: Mapping[str, str] | None = None,
) -> Parts:
    """Write the configuration of an installation of its own; start nothing.

    *custodian*: what processes are told of it, if it is not `local-keys`.
    """
    port = port or free_port()
    password = secrets.token_urlsafe(18)
    role = f"tallystick_demo_{secrets.token_hex(4)}"
    configuration = folder / "tallystick.toml"
    configuration.write_text(
        _CONFIGURATION.format(
            installation=public_id(Prefix.INSTALLATION, uuid4()),
            port=port,
            EVM=EVM,
            ALGORAND=ALGORAND,
            GENESIS=GENESIS,
            anvil=anvil,
            algod=", ".join(f'{{ url = "{url}", archival = true }}' for url in algod),
            sources=len(algod),
            finality=finality,
            window=window,
            request_limit=request_limit,
            poll_milliseconds=poll_milliseconds,
            replace_after_seconds=replace_after_seconds,
        )
    )
    at = database.rpartition("@")[2]
    environment = {
        **os.environ,
        "TALLYSTICK_CONFIG": str(configuration),
        "TALLYSTICK_DATABASE_URL": f"postgresql://{role}:{password}@{at}",
        "TALLYSTICK_DATABASE_MIGRATOR_URL": database,
        "TALLYSTICK_SEAL_DATABASE_URL": f"postgresql://{role}_sealer:{password}@{at}",
        "TALLYSTICK_SEAL_STATE_FILE": str(folder / "sealer.json"),
        "TALLYSTICK_EXPORTS_FOLDER": str(folder / "exports"),
        "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    environment |= custodian or {}
    if stripe:
        environment |= {
            "TALLYSTICK_STRIPE_SECRET_KEY": TEST_KEY,
            "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "TALLYSTICK_STRIPE_API_BASE": stripe,
        }
    return Parts(
        folder=folder,
        api=f"http://127.0.0.1:{port}",
        anvil=anvil,
        algod=tuple(algod),
        database=database,
        environment=environment,
        stripe=stripe,
    )


@contextmanager
def running(
    *, request_limit: int = 60, window: int = 1000, idle_seconds: float = 2.0, stripe: str = ""
) -> Iterator[Parts]:
    """Everything a demo needs, gone when it ends.

    *window* is in rounds; one passes with every transaction, or after *idle_seconds* without.
    *stripe*: the URL of a loopback Stripe, at which the catalogue is published; its webhooks are
    the caller's.
    """
    with ExitStack() as stack:
        folder = embedded_postgres.temporary_folder()
        database = stack.enter_context(embedded_postgres.running(folder / "postgres"))
        anvil = stack.enter_context(Anvil())
        algod = stack.enter_context(AlgodProcess(nodes=2, idle_seconds=idle_seconds))
        keys = stack.enter_context(custodian(folder))
        parts = configure(
            folder,
            database=database,
            anvil=anvil.url,
            algod=algod.urls,
            request_limit=request_limit,
            window=window,
            stripe=stripe,
            custodian=keys,
        )
        parts.command("migrate", "--create-login")
        if stripe:
            parts.command("billing", "publish")
        for network in NETWORKS:
            parts.command("treasury", "create", "--network", network)
            parts.command("treasury", "fund", "--network", network)
        for name in ("serve", "work"):
            process = parts.start(name)
            stack.callback(_end, process)
        parts.await_ready()
        yield parts


@contextmanager
def running_with_stripe() -> Iterator[Parts]:
    """And a loopback Stripe on the wall clock, which tells the API what is paid."""
    with stripe_loopback(uses_wall_clock=True) as stripe, running(stripe=stripe.url) as parts:
        stripe.test.control.add_endpoint(
            f"{parts.api}/v1/billing/stripe/webhook", [WEBHOOK_SECRET]
        )
        yield parts


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tallystick() -> list[str]:
    return [sys.executable, "-m", "entrypoints.main"]
