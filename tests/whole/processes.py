"""The whole product as its processes, on real parts, each of which may be killed."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
from attrs import define, field

from entrypoints.demo.parts import ALGORAND, EVM, NETWORKS, Parts, configure
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import AlgodProcess
from entrypoints.devnet.anvil import Anvil

ONE_TOKEN = {"decimals": 0, "initial_supply": "1", "cap": "1"}
ONE_ASSET = {"decimals": 0, "total": "1"}
_ENDED = frozenset({"Completed", "Failed", "Cancelled"})
VICTIMS = ("serve", "work-1", "work-2", "postgres", "anvil", "algod")


@define
class House:
    """PostgreSQL, anvil in the hard profile, two algod nodes, one API and two workers."""

    parts: Parts
    anvil: Anvil
    algod: AlgodProcess
    postgres: Path
    running: dict[str, subprocess.Popen[bytes]] = field(factory=dict)

    def start(self, name: str) -> None:
        self.running[name] = self.parts.start(name.partition("-")[0])

    def kill(self, name: str) -> None:
        """Nothing gets to clean up."""
        process = self.running[name]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
            process.wait()


@contextlib.contextmanager
def whole_house() -> Iterator[House]:
    folder = embedded_postgres.temporary_folder()
    database = embedded_postgres.start(folder / "postgres")
    anvil = Anvil(profile="hard", state=folder / "anvil.json").start()
    algod = AlgodProcess(nodes=2, mode="interval", block_time=0.5, state=folder / "algod").start()
    parts = configure(
        folder,
        database=database,
        anvil=anvil.url,
        algod=algod.urls,
        finality="finality_depth = 5",
        request_limit=100_000,
    )
    house = House(parts=parts, anvil=anvil, algod=algod, postgres=folder / "postgres")
    try:
        parts.command("migrate", "--create-login")
        for network in NETWORKS:
            parts.command("treasury", "create", "--network", network)
            parts.command("treasury", "fund", "--network", network, "--amount", "1000000")
        for name in ("serve", "work-1", "work-2"):
            house.start(name)
        parts.await_ready()
        yield house
    finally:
        house.stop()
        anvil.kill()
        algod.kill()
        embedded_postgres.kill(house.postgres)


@define
class Reaper:
    """Kills one part at a time, at instants drawn from *seed*, and brings it back."""

    house: House
    seed: int
    kills_per_process: int
    kills: list[str] = field(factory=list)
    #: Lets the work get somewhere between two kills.
    _pause_seconds: tuple[float, float] = (1.0, 5.0)

    def run(self, stop: threading.Event) -> None:
        chance = random.Random(self.seed)
        victims = list(VICTIMS) * self.kills_per_process
        chance.shuffle(victims)
        for victim in victims:
            if stop.wait(chance.uniform(*self._pause_seconds)):
                return
            down_seconds = chance.uniform(0.0, 1.5)
            self._strike(victim, down_seconds)
            self.kills.append(victim)

    def _strike(self, victim: str, down_seconds: float) -> None:
        if victim == "postgres":
            embedded_postgres.kill(self.house.postgres)
            time.sleep(down_seconds)
            embedded_postgres.start(self.house.postgres)
        elif victim in {"anvil", "algod"}:
            chain = self.house.anvil if victim == "anvil" else self.house.algod
            chain.kill()
            time.sleep(down_seconds)
            chain.start()
        else:
            self.house.kill(victim)
            time.sleep(down_seconds)
            self.house.start(victim)


@define
class Client:
    """An integrator who repeats what got no answer, with the same idempotency key."""

    api: str
    key: str
    give_up_seconds: float = 300.0
    #: How often it heard what, other than what it wanted: a problem's code, or no answer.
    heard: Counter[str] = field(factory=Counter)

    def deploy(self, number: int) -> str:
        """Ask for one, and return its id; every other one on Algorand, where all look alike."""
        body = asked_for(number)
        return str(self.post("/v1/deployments", body, f"order-{number}")["id"])

    def await_end(self, ids: Sequence[str], seconds: float = 600.0) -> list[str]:
        """Their states when all have ended, or when so much time has passed."""
        deadline = time.monotonic() + seconds
        states = dict.fromkeys(ids, "")
        while time.monotonic() < deadline:
            for id, state in states.items():
                if state not in _ENDED:
                    states[id] = str(self.get(f"/v1/deployments/{id}")["state"])
            if _ENDED.issuperset(states.values()):
                break
            time.sleep(1)
        return list(states.values())

    def post(
        self, path: str, body: object, idempotency_key: str, wanted: int = 202
    ) -> dict[str, object]:
        headers = {"Idempotency-Key": idempotency_key}
        return self._until_answered(
            lambda client: client.post(path, json=body, headers=headers), {wanted}
        )

    def get(self, path: str) -> dict[str, object]:
        return self._until_answered(lambda client: client.get(path), {200})

    def _until_answered(
        self, ask: Callable[[httpx.Client], httpx.Response], wanted: set[int]
    ) -> dict[str, object]:
        deadline = time.monotonic() + self.give_up_seconds
        last: object = None
        headers = {"Authorization": f"Bearer {self.key}"}
        while time.monotonic() < deadline:
            try:
                with httpx.Client(base_url=self.api, headers=headers, timeout=10) as client:
                    answer = ask(client)
            except httpx.HTTPError as error:
                last = error
                self.heard["no answer"] += 1
                time.sleep(0.2)
                continue
            if answer.status_code in wanted:
                return answer.json()
            last = answer.text
            may_repeat = answer.status_code >= 500 or answer.status_code in {409, 429}
            assert may_repeat, answer.text
            self.heard[f"{answer.status_code} {answer.json()['code']}"] += 1
            time.sleep(0.2)
        raise AssertionError(f"no answer for {self.give_up_seconds} s: {last}")


def asked_for(number: int) -> dict[str, object]:
    if number % 2:
        kind, network = "asa_ft", ALGORAND
        token = ONE_ASSET | {"name": "Token", "unit_name": "T"}
    else:
        kind, network = "erc20_mintable", EVM
        token = ONE_TOKEN | {"name": f"Token {number}", "symbol": f"T{number}"}
    return {
        "kind": kind,
        "network": network,
        "token": token,
        "client_reference": f"order {number}",
    }


def sign_up(parts: Parts, email: str = "ada@example.com") -> tuple[str, str]:
    """An organisation of its own, and an API key of it."""
    with httpx.Client(base_url=parts.api, timeout=30) as client:
        person = {"email": email, "password": "correct horse battery"}
        registered = client.post("/v1/auth/register", json=person | {"organisation": "Ada & Co"})
        assert registered.status_code == 201, registered.text
        session = client.post("/v1/auth/login", json=person).json()
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        key = client.post("/v1/api_keys", json={"name": "test", "live": False})
        assert key.status_code == 201, key.text
        organisation = registered.json()["organisation"]["id"]
        return organisation, key.json()["key"]
