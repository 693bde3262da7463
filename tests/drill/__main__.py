"""``make drill``: lose the database, restore it as docs/restoring.md says, and count.

PostgreSQL with an archive of its log, both development chains, the API and two workers.  Twice the
server is killed and its files are removed.  The first time it is restored to a moment in the past:
what was issued since is on chain, and in no record.  The second time it is restored as far as the
archive goes.  Each step of the page is taken with the command that it names.  In the end each
request has issued one token by the chains' own word and was paid once, and the trail is whole.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from attrs import asdict, define, field, frozen

from entrypoints.demo.parts import ALGORAND, EVM, NETWORKS, DemoError, Parts, configure
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import AlgodProcess
from entrypoints.devnet.anvil import Anvil, call
from tests.drill.people import Person
from tests.drill.server import LostError, Server
from tests.whole.oracles import (
    CREDITS,
    created,
    differences_in_the_books,
    differences_of_contracts,
)
from tests.whole.processes import House

#: Tokens asked for in each part of the story; half of them on each chain.
COUNT = 4
_PATIENCE_SECONDS = 120.0
WORKERS = ("work-1", "work-2")
#: Credits: more than are spent.
GRANTED = 100_000
NAMES = ("ada", "grace")
ONCE = "each once by the chains, paid once by the books"


@frozen(kw_only=True)
class Step:
    name: str
    seconds: float


@define(kw_only=True)
class Drill:
    server: Server
    is_quiet: bool
    house: House = field(init=False)
    #: Credits, by the operator and by the tariff.
    given: int = 0
    steps: list[Step] = field(factory=list)
    wrong: list[str] = field(factory=list)

    @property
    def parts(self) -> Parts:
        return self.house.parts

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.steps.append(Step(name=name, seconds=round(time.monotonic() - began, 2)))
        if not self.is_quiet:
            print(f"{self.steps[-1].seconds:7.2f} s  {name}", flush=True)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)

    def tallystick(self, *command: str) -> tuple[int, str]:
        """Status and answer, of a command that may refuse."""
        done = subprocess.run(
            [sys.executable, "-m", "entrypoints.main", *command],
            env=dict(self.parts.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def must(self, *command: str) -> None:
        status, said = self.tallystick(*command)
        self.expect(status == 0, f"tallystick {' '.join(command)}: {said[-500:]}")

    def start(self, *names: str) -> None:
        for name in names:
            self.house.start(name)

    def await_ready(self) -> None:
        """Raises: DemoError: the API has ended, or takes longer than anybody waits."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self.parts.await_ready()
            except DemoError:
                if self.house.running["serve"].poll() is not None or time.monotonic() > deadline:
                    raise

    def kill(self, *names: str) -> None:
        for name in names:
            self.house.kill(name)
            self.house.running.pop(name)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tokens", type=int, default=COUNT, help="asked for in each part of the story"
    )
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    asked = parser.parse_args(arguments)
    try:
        told = drilled(asked.tokens, is_quiet=asked.json)
    except (DemoError, LostError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(told))
    else:
        for each in told["wrong"]:
            print(f"WRONG: {each}")
        print(
            f"{told['tokens']} tokens, two restores, {told['seconds']} s: "
            f"{len(told['wrong'])} things are not as promised"
        )
    return int(bool(told["wrong"]))


def drilled(count: int, *, is_quiet: bool = True) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = embedded_postgres.temporary_folder().parent
        stack.push(partial(_cleared, folder))
        drill = Drill(server=Server.within(folder), is_quiet=is_quiet)
        with drill.step("an installation whose server archives its log"):
            _install(drill, folder, stack)
        tokens = _story(drill, count)
        return {
            "tokens": tokens,
            "steps": [asdict(each) for each in drill.steps],
            "seconds": round(sum(each.seconds for each in drill.steps), 1),
            "wrong": drill.wrong,
        }


def _cleared(folder: Path, kind: type[BaseException] | None, *_: object) -> None:
    """Where something went wrong the logs stay."""
    if kind is None:
        shutil.rmtree(folder, ignore_errors=True)


def _install(drill: Drill, folder: Path, stack: contextlib.ExitStack) -> None:
    database = drill.server.start()
    stack.callback(embedded_postgres.kill, drill.server.cluster)
    anvil = stack.enter_context(Anvil())
    algod = stack.enter_context(AlgodProcess(nodes=2, idle_seconds=0.5))
    parts = configure(
        folder, database=database, anvil=anvil.url, algod=algod.urls, request_limit=100_000
    )
    parts.command("migrate", "--create-login")
    for network in NETWORKS:
        parts.command("treasury", "create", "--network", network)
        parts.command("treasury", "fund", "--network", network, "--amount", "1000000")
    drill.house = House(parts=parts, anvil=anvil, algod=algod, postgres=drill.server.cluster)
    stack.callback(drill.house.stop)
    drill.start("serve", *WORKERS)
    drill.await_ready()


def _story(drill: Drill, count: int) -> int:
    """How many tokens were issued in all."""
    ada, grace = (Person(api=drill.parts.api, email=f"{name}@example.com") for name in NAMES)
    for each in (ada, grace):
        each.register()
    drill.must("tariff", "set", ada.organisation, "enterprise", "--reason", "drill")
    drill.must("credits", "grant", ada.organisation, str(GRANTED), "--reason", "drill")
    drill.given = _available(drill, ada)
    leaked = ada.make_key()

    with drill.step(f"{count} tokens"):
        _end_well(drill, ada, ada.order(count))
    with drill.step("base backup, and its check: pg_basebackup, pg_verifybackup"):
        drill.server.back_up()
    with drill.step(f"{count} tokens since, whose records are in the archive only"):
        _end_well(drill, ada, ada.order(count))
    drill.kill(*WORKERS)
    waiting = ada.order(count)
    moment = drill.server.moment()
    drill.start(*WORKERS)
    with drill.step(f"{2 * count} tokens that the restored database has not seen issued"):
        forgotten = ada.order(count)
        _end_well(drill, ada, [*waiting, *forgotten])
    ada.revoke(leaked[0])
    drill.must("users", "erase", grace.email, "--reason", "drill")

    _lose(drill)
    with drill.step(f"restored to {moment:%H:%M:%S}: base backup, and the archive up to then"):
        drill.server.restore(moment)
    _look_before(drill)
    with drill.step("the log lacks what was signed for: seal --once, seal resume, seal open"):
        _is_refused(drill, "another_timeline", "seal", "--once")
        _is_refused(drill, "state_ahead", "seal", "resume", "--reason", "restored")
        drill.must("seal", "open", "--close", "1", "--reason", "restored")
    with drill.step("erased again who had been erased: users erase"):
        drill.must("users", "erase", grace.email, "--reason", "restored")
    with drill.step("access ended: access end-all"):
        drill.must("access", "end-all", "--yes", "--reason", "restored")
    with drill.step("workers, then the API"):
        drill.start(*WORKERS)
        _open_the_doors(drill, ada)
    drill.expect(not grace.may_log_in(), "whoever was erased is back")
    code = ada.is_refused(leaked[1])
    drill.expect(code == "api_key_not_enabled", f"the key that was revoked since: {code}")
    ada.revoke(leaked[0])
    with drill.step(f"{count} tokens found on chain, which the backup had accepted"):
        _end_well(drill, ada, waiting)
    with drill.step(f"{count} tokens found on chain that it had forgotten, for clients ask again"):
        for id in forgotten:
            ada.ask(id)
        _end_well(drill, ada, forgotten)
    with drill.step(f"{count} new tokens, once the treasury that halted is told: treasury resume"):
        new = ada.order(count)
        halted = _await_halt(drill)
        drill.expect(halted == [EVM], f"halted: {halted}")
        for network in halted:
            drill.must("treasury", "resume", "--network", network, "--reason", "restored")
        _end_well(drill, ada, new)
    with drill.step(f"{ONCE}: verify ledger, verify audit, tokens check"):
        _hold_against_the_chains(drill, ada)

    with drill.step("everything so far is sealed, and in the archive"):
        drill.must("seal", "--once")
        kept = drill.server.base.with_name("checkpoint")
        kept.write_text(ada.checkpoint())
        drill.server.hand_over()
    _lose(drill)
    with drill.step("restored as far as the archive goes"):
        drill.server.restore(None)
    _look_before(drill)
    with drill.step("nothing that was signed for is lost: seal --once, seal resume"):
        _is_refused(drill, "another_timeline", "seal", "--once")
        drill.must("seal", "resume", "--reason", "restored")
        drill.must("verify", "audit", "--checkpoint", str(kept))
    with drill.step("access ended, workers, the API"):
        drill.must("access", "end-all", "--yes", "--reason", "restored")
        drill.start(*WORKERS)
        _open_the_doors(drill, ada)
    code = ada.is_refused(leaked[1])
    drill.expect(code == "invalid_api_key", f"the key that was revoked before: {code}")
    with drill.step(f"{count} new tokens"):
        _end_well(drill, ada, ada.order(count))
    drill.expect(not _halted(drill), f"halted without a reason: {_halted(drill)}")
    with drill.step(f"{ONCE}: verify ledger, verify audit, tokens check"):
        _hold_against_the_chains(drill, ada)
    return len(ada.orders)


def _lose(drill: Drill) -> None:
    with drill.step("everything is killed, and the server's files are removed"):
        drill.server.hand_over()
        drill.kill("serve", *WORKERS)
        drill.server.destroy()


def _look_before(drill: Drill) -> None:
    with drill.step("before anything is started: treasury show, doctor"):
        for told in _treasuries(drill):
            if told["network"] == EVM:
                place = told["address"], "pending"
                sent = call(drill.parts.anvil, "eth_getTransactionCount", *place)
                landed = told["next_nonce_on_chain"]
                drill.expect(int(str(sent), 16) == landed, f"{sent} sent, {landed} landed")
        drill.must("doctor")


def _is_refused(drill: Drill, code: str, *command: str) -> None:
    status, said = drill.tallystick(*command, "--json")
    drill.expect(status == 1 and f'"{code}"' in said, f"{' '.join(command)} is not {code}: {said}")


def _open_the_doors(drill: Drill, ada: Person) -> None:
    """The API, and the member enables the key that they know."""
    assert ada.client is not None
    drill.start("serve")
    drill.await_ready()
    for what, key in (("session", ada.token), ("key", ada.client.key)):
        drill.expect(ada.is_refused(key) is not None, f"the {what} of before still lets in")
    ada.log_in()
    ada.enable(ada.key_id)


def _treasuries(drill: Drill) -> list[dict[str, Any]]:
    status, said = drill.tallystick("treasury", "show", "--json")
    if status:
        raise DemoError(f"treasury show: {said}")
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def _halted(drill: Drill) -> list[str]:
    return [each["network"] for each in _treasuries(drill) if each["signer_halted"]]


def _await_halt(drill: Drill) -> list[str]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (halted := _halted(drill)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return halted


def _end_well(drill: Drill, ada: Person, ids: Sequence[str]) -> None:
    assert ada.client is not None
    states = ada.client.await_end(ids, _PATIENCE_SECONDS)
    for id, state in zip(ids, states, strict=True):
        drill.expect(state == "Completed", f"{id} is {state}")


def _hold_against_the_chains(drill: Drill, ada: Person) -> None:
    """All that was ever asked for, whatever the records went through."""
    assert ada.client is not None
    parts = drill.parts
    issued = [ada.client.get(f"/v1/deployments/{id}") for id in ada.orders]
    # What has no address is not done, which is told already.
    made = [each for each in issued if each["address"] is not None]
    contracts = [str(each["address"]) for each in made if each["network"] == EVM]
    drill.wrong += differences_of_contracts(parts.anvil, contracts)
    assets = {int(str(each["address"])) for each in made if each["network"] == ALGORAND}
    for issuer in {str(each["owner"]) for each in made if each["network"] == ALGORAND}:
        for node in parts.algod:
            found = created(node, issuer)
            drill.expect(found == assets, f"{issuer} has made {found}, told were {assets}")
    with psycopg.connect(parts.database) as connection:
        drill.wrong += differences_in_the_books(connection, ada.organisation, len(ada.orders))
    left = drill.given - CREDITS * len(ada.orders)
    shown = _available(drill, ada)
    drill.expect(shown == left, f"{shown} credits are left, should be {left}")
    drill.must("verify", "ledger")
    drill.must("verify", "audit")
    drill.must("tokens", "check")


def _available(drill: Drill, ada: Person) -> int:
    return int(str(drill.parts.command("credits", "show", ada.organisation)["available"]))


if __name__ == "__main__":
    sys.exit(main())
