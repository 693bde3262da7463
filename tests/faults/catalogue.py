"""The faults that are tried: each breaks something for the length of a block."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
from attrs import frozen

from entrypoints.devnet import embedded_postgres
from tests.faults.house import Wired
from tests.faults.wire import Answer, Mode, Wire

#: Blocks that vanish at once; a deployment is final after five.
_DEEP = 3
#: Any block that was begun is there.
_MINED_SECONDS = 0.5
_HOUR = 3_600
_MEGABYTE = bytes(1 << 20)


@frozen(kw_only=True)
class Fault:
    part: str
    name: str
    breaks: Callable[[Wired], AbstractContextManager[None]]
    #: How long it lasts.
    seconds: float = 5.0
    #: Why it cannot be tried here, or None.
    lacks: Callable[[Wired], str | None] = lambda _wired: None


_Broken = AbstractContextManager[None]


def _line(wires: Callable[[Wired], Sequence[Wire]], mode: Mode) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for wire in wires(wired):
                stack.enter_context(wire.broken(mode))
            yield

    return breaks


_LINES: dict[str, Callable[[Wired], Sequence[Wire]]] = {
    "EVM node": lambda wired: [wired.evm],
    "Algorand nodes": lambda wired: wired.algorand,
    "one Algorand node of two": lambda wired: wired.algorand[:1],
    "PostgreSQL": lambda wired: [wired.database],
}
_MODES = {
    "resets every connection": Mode(is_reachable=False),
    "is silent": Mode(is_silent=True),
    "hangs up on each question and never gets it": Mode(asks=False),
    "does what it is asked, and each answer is lost": Mode(answer=Answer.LOST),
    "does what it is asked, and one answer in five is lost": Mode(answer=Answer.LOST, share=0.2),
    "sends half of each answer": Mode(answer=Answer.HALF),
    "answers a byte at a time, 20 a second": Mode(answer=Answer.BY_THE_BYTE),
    "is 300 ms late each way": Mode(delay_seconds=0.3),
}
_WEB_PAGE = Mode(answer=Answer.A_WEB_PAGE)


def _faults() -> Iterator[Fault]:
    for part in ("EVM node", "Algorand nodes", "PostgreSQL"):
        for name, mode in _MODES.items():
            yield Fault(part=part, name=name, breaks=_line(_LINES[part], mode))
    for part in ("EVM node", "Algorand nodes"):
        name = "is a login page of somebody's network"
        yield Fault(part=part, name=name, breaks=_line(_LINES[part], _WEB_PAGE))
    lone = "one Algorand node of two"
    for name in ("resets every connection", "is silent"):
        yield Fault(part=lone, name=name, breaks=_line(_LINES[lone], _MODES[name]))

    yield Fault(
        part="EVM node", name=f"takes {_DEEP} blocks back, three times", breaks=_reorganised
    )
    yield Fault(part="EVM node", name="loses its pool", breaks=_pool_lost)
    for name, what in (
        ("evicts what it has taken", {"fault": "evict", "times": 2}),
        ("says yes and forgets", {"fault": "deaf", "times": 2}),
        ("catches up: 503", {"fault": "unavailable", "route": "any"}),
        ("stands still", {"fault": "stall"}),
        ("answers about the past", {"fault": "lag", "rounds": 5}),
    ):
        yield Fault(part="Algorand nodes", name=name, breaks=_algod(what))

    for part, names in (
        ("API process", ["serve"]),
        ("worker", ["work-1"]),
        ("both workers", ["work-1", "work-2"]),
        ("PostgreSQL", ["postgres"]),
        ("EVM node", ["anvil"]),
        ("Algorand nodes", ["algod"]),
        ("everything", ["serve", "work-1", "work-2", "postgres", "anvil", "algod"]),
    ):
        yield Fault(part=part, name="kill -9", breaks=_killed(names), seconds=2.0)
    for part, names in (("API process", ["serve"]), ("worker", ["work-1"])):
        yield Fault(part=part, name="stands still (SIGSTOP)", breaks=_stopped(names), seconds=12.0)
    yield Fault(part="API process", name="is told to end amid requests", breaks=_told_to_end)

    yield Fault(part="PostgreSQL", name="ends every connection, again and again", breaks=_hung_up)
    yield Fault(part="PostgreSQL", name="is restarted", breaks=_restarted, seconds=1.0)
    yield Fault(part="PostgreSQL", name="has no connection left for us", breaks=_crowded)
    yield Fault(
        part="PostgreSQL",
        name="has no room on its disk",
        breaks=_full,
        lacks=lambda wired: None if wired.disk else "no file system may be mounted here",
    )
    for part, names in (("API process", ["serve"]), ("worker", ["work-1"])):
        for name, seconds in (("an hour ahead", _HOUR), ("an hour behind", -_HOUR)):
            yield Fault(
                part=part,
                name=f"its clock is {name}",
                breaks=_clocks(names, seconds),
                lacks=lambda wired: None if wired.clocks else "libfaketime is not installed",
            )
    for name, wrong in (("has expired", "expired"), ("is another machine's", "other")):
        yield Fault(part="EVM node", name=f"its certificate {name}", breaks=_certificate(wrong))


@contextlib.contextmanager
def _reorganised(wired: Wired) -> Iterator[None]:
    anvil, over = wired.house.anvil, threading.Event()

    def act() -> None:
        for _ in range(3):
            if over.wait(1.6):
                return
            # A block that is being mined meanwhile leaves anvil (1.7.1) with a hole below it.
            anvil.call("evm_setIntervalMining", 0)
            time.sleep(_MINED_SECONDS)
            anvil.call("anvil_reorg", _DEEP, [])
            anvil.call("evm_setIntervalMining", 1)

    acting = threading.Thread(target=act)
    acting.start()
    try:
        yield
    finally:
        acting.join()
        over.set()


@contextlib.contextmanager
def _pool_lost(wired: Wired) -> Iterator[None]:
    """Between any two blocks."""
    anvil, over = wired.house.anvil, threading.Event()

    def act() -> None:
        while not over.wait(0.1):
            anvil.call("anvil_dropAllTransactions")

    acting = threading.Thread(target=act)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join()


def _algod(what: dict[str, object]) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        algod = wired.house.algod
        for node in range(len(algod.urls)):
            algod.control("faults", node, **what)
        try:
            yield
        finally:
            for node in range(len(algod.urls)):
                algod.control("faults/clear", node)

    return breaks


def _killed(names: Sequence[str]) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        house = wired.house
        servers = {"anvil": house.anvil, "algod": house.algod}
        # Servers last and first: what stands on them is not to see them go in good order.
        for name in names:
            if name == "postgres":
                embedded_postgres.kill(house.postgres)
            elif name in servers:
                servers[name].kill()
            else:
                house.kill(name)
        yield
        for name in reversed(names):
            if name == "postgres":
                embedded_postgres.start(house.postgres)
            elif name in servers:
                servers[name].start()
            else:
                house.start(name)

    return breaks


def _stopped(names: Sequence[str]) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        for name in names:
            wired.house.running[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                wired.house.running[name].send_signal(signal.SIGCONT)

    return breaks


@contextlib.contextmanager
def _told_to_end(wired: Wired) -> Iterator[None]:
    wired.house.running["serve"].terminate()
    yield
    wired.house.running["serve"].wait(timeout=60)
    wired.house.start("serve")


@contextlib.contextmanager
def _hung_up(wired: Wired) -> Iterator[None]:
    over = threading.Event()

    def act() -> None:
        with psycopg.connect(wired.house.parts.database, autocommit=True) as connection:
            while not over.wait(0.3):
                connection.execute(_END_OURS)

    acting = threading.Thread(target=act)
    acting.start()
    try:
        yield
    finally:
        over.set()
        acting.join()


_END_OURS = b"""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND usename <> current_user
"""


@contextlib.contextmanager
def _restarted(wired: Wired) -> Iterator[None]:
    embedded_postgres.stop(wired.house.postgres)
    yield
    embedded_postgres.start(wired.house.postgres)


@contextlib.contextmanager
def _crowded(wired: Wired) -> Iterator[None]:
    """Somebody else's connections take every place, at the cost of ours."""
    url = wired.house.parts.database
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(psycopg.connect(url, autocommit=True))
        first.execute(b"ALTER DATABASE postgres CONNECTION LIMIT 0")
        first.execute(_END_OURS)
        try:
            yield
        finally:
            first.execute(b"ALTER DATABASE postgres CONNECTION LIMIT -1")


@contextlib.contextmanager
def _full(wired: Wired) -> Iterator[None]:
    assert wired.disk is not None
    filler = wired.disk / "filler"
    try:
        _fill(filler)
        yield
    finally:
        filler.unlink()
        # It may have given up, as it does when its log cannot be written: an operator starts it.
        if not _answers(wired.house.parts.database):
            embedded_postgres.kill(wired.house.postgres)
            embedded_postgres.start(wired.house.postgres)


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for piece in (_MEGABYTE, _MEGABYTE[:4096]):
            with contextlib.suppress(OSError):
                while file.write(piece) == len(piece):
                    pass


def _answers(database: str) -> bool:
    for _ in range(20):
        try:
            with psycopg.connect(database, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            time.sleep(0.1)
    return False


def _clocks(names: Sequence[str], ahead_seconds: int) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        for name in names:
            wired.set_clock(name, ahead_seconds)
        try:
            yield
        finally:
            for name in names:
                wired.set_clock(name, 0)

    return breaks


def _certificate(wrong: str) -> Callable[[Wired], _Broken]:
    @contextlib.contextmanager
    def breaks(wired: Wired) -> Iterator[None]:
        context = wired.evm.tls
        assert context is not None
        wired.certificates.present(context, expired=wrong == "expired", other=wrong == "other")
        wired.evm.cut()
        try:
            yield
        finally:
            wired.certificates.present(context)

    return breaks


FAULTS = tuple(_faults())
