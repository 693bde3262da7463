"""``tallystick seal``"""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from application.audit.logs import fingerprint
from application.audit.seal import Round
from application.ports.custody import CustodyUnavailableError
from application.ports.seal_state import SealStateError
from application.ports.storage.seals import Log, SealerBusyError
from application.ports.storage.work import StoreUnavailableError
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.commands.observing import observed, start_log
from entrypoints.container import Container, build_container
from entrypoints.readiness import await_database
from entrypoints.settings import SettingsError
from entrypoints.worker.clock import followed
from entrypoints.worker.sealing import SealLoop

#: Where more wait than this a bar says how far it is.
_MANY = 10_000

_reason = click.option("--reason", required=True, help="Why; it is kept in the trail.")


@click.group(
    "seal",
    invoke_without_command=True,
    help="Seal audit events into a signed log until told to stop (SIGTERM, SIGINT).  One at a "
    "time: a second one waits for its turn.  See docs/sealing.md.",
)
@click.option("--once", is_flag=True, help="Seal what is there, sign for it, and end.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, once: bool, as_json: bool) -> None:
    if ctx.invoked_subcommand is not None:
        return
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if not once:
        _forever(ctx, stop, as_json=as_json)
        return
    with _container(ctx) as container:
        start_log(container)
        _once(ctx, container, stop, as_json=as_json)


def _once(
    ctx: click.Context, container: Container, stop: threading.Event, *, as_json: bool
) -> None:
    with container.seal().session() as sealer, _bar(sealer.backlog()) as advance:
        done = sealer(advance, stop.is_set)
    if isinstance(done, Refusal):
        setting_up.refuse(ctx, done, as_json=as_json)
        return
    told = _told(done)
    if not as_json:
        del told["left_out"]
        for why in done.left_out:
            click.echo(f"left out ({why.code}): {why.detail}", err=True)
    setting_up.answer(ctx, told, as_json=as_json)
    ctx.exit(bool(done.left_out))


def _forever(ctx: click.Context, stop: threading.Event, *, as_json: bool) -> None:
    container = build_container(setting_up.settings(ctx))
    with observed(container, "seal"):
        _seal_on(ctx, container, stop, as_json=as_json)


def _seal_on(
    ctx: click.Context, container: Container, stop: threading.Event, *, as_json: bool
) -> None:
    try:
        loop = SealLoop(
            seal=container.seal(),
            every=container.settings().seal_every,
            stop=stop,
            tell=_teller(as_json=as_json),
            telemetry=container.telemetry(),
            advance=Progress(),
        )
    except SettingsError as error:
        setting_up.tell_faults(ctx, error)
    container.store().open()
    try:
        problem = await_database(container, stop)
        if problem is not None:
            click.echo(f"the database {problem}", err=True)
            ctx.exit(1)
        click.echo("the sealer is at work", err=True)
        with followed(container.clock().follow):
            loop.run()
    finally:
        container.store().close()


class Progress:
    """Says now and then how far it is, while there is much to do in one round."""

    def __init__(self) -> None:
        self._sealed = 0

    def __call__(self, count: int) -> None:
        before, self._sealed = self._sealed, self._sealed + count
        if before // 100_000 != self._sealed // 100_000:
            click.echo(f"{self._sealed} events sealed since the start", err=True)


def _teller(*, as_json: bool) -> Callable[[Round | Refusal], None]:
    def tell(done: Round | Refusal) -> None:
        if isinstance(done, Refusal):
            if as_json:
                click.echo(json.dumps({"code": done.code, "detail": done.detail}))
        elif as_json:
            click.echo(json.dumps(_told(done)))
        else:
            click.echo(f"{done.sealed} sealed, {done.size} in all")
        sys.stdout.flush()

    return tell


def _told(done: Round) -> dict[str, object]:
    return {
        "sealed": done.sealed,
        "size": done.size,
        "root": None if done.signed is None else done.signed.checkpoint.root.hex(),
        "left_out": [{"code": why.code, "detail": why.detail} for why in done.left_out],
    }


@command.command(
    "open",
    help="The key ceremony: open the log, with a key of its own, or a new log after a restore "
    "that lost what was signed for.  Prints the key's fingerprint: hand it to whoever verifies.",
)
@_reason
@click.option("--close", "closing", type=int, help="Number of the open log that this one ends.")
@setting_up.as_json
@click.pass_context
def open_(ctx: click.Context, reason: str, closing: int | None, as_json: bool) -> None:
    with _container(ctx) as container:
        opened = container.open_log()(reason, closing=closing)
    _tell_log(ctx, opened, as_json=as_json)


@command.command(
    "resume",
    help="Go on with the open log: after the database was restored, promoted or moved, or where "
    "the state file is lost.  Refused where the database lacks what was signed for.",
)
@_reason
@setting_up.as_json
@click.pass_context
def resume(ctx: click.Context, reason: str, as_json: bool) -> None:
    with _container(ctx) as container:
        resumed = container.resume_log()(reason)
    _tell_log(ctx, resumed, as_json=as_json)


@command.command(
    "void",
    help="Say of a missing number of an organisation's events that it was given to nothing, so "
    "that what is behind it is sealed.  An event under that number says so, and one of the "
    "installation's.  Refused where any trace says what had the number.",
)
@click.argument("organisation", metavar="ORG")
@click.argument("number", metavar="N", type=int)
@_reason
@setting_up.as_json
@click.pass_context
def void(ctx: click.Context, organisation: str, number: int, reason: str, as_json: bool) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        voided = container.void_number()(id, number, reason)
    if isinstance(voided, Refusal):
        setting_up.refuse(ctx, voided, as_json=as_json)
        return
    told: dict[str, object] = {
        "organisation": organisation,
        "number": number,
        "event": public_id(Prefix.EVENT, voided.id),
    }
    setting_up.answer(ctx, told, as_json=as_json)


@command.command("status", help="How far sealing is.")
@setting_up.as_json
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    with setting_up.container(ctx) as container:
        found = container.watch_seals().look()
    if found is None:
        refusal = Refusal(code="log_not_open", detail="there is no open log")
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    told: dict[str, object] = {
        "origin": found.log.origin,
        "number": found.log.number,
        "key": found.log.key,
        "key_fingerprint": fingerprint(found.log.public_key),
        "size": found.size,
        "signed_size": found.signed_size,
        "signed_at": found.signed_at and found.signed_at.isoformat(),
        "waiting": found.waiting,
        "waiting_since": found.since and found.since.isoformat(),
    }
    setting_up.answer(ctx, told, as_json=as_json)


def _tell_log(ctx: click.Context, log: Log | Refusal, *, as_json: bool) -> None:
    if isinstance(log, Refusal):
        setting_up.refuse(ctx, log, as_json=as_json)
        return
    told: dict[str, object] = {
        "origin": log.origin,
        "number": log.number,
        "key": log.key,
        "key_fingerprint": fingerprint(log.public_key),
    }
    setting_up.answer(ctx, told, as_json=as_json)


@contextmanager
def _container(ctx: click.Context) -> Iterator[Container]:
    """The house, of a configuration that seals.  Exits with 1 where it cannot now."""
    try:
        with setting_up.container(ctx) as container:
            container.seal()
            yield container
    except SettingsError as error:
        setting_up.tell_faults(ctx, error)
    except (
        CustodyUnavailableError,
        SealerBusyError,
        SealStateError,
        StoreUnavailableError,
    ) as error:
        click.echo(str(error), err=True)
        ctx.exit(1)


@contextmanager
def _bar(events: int) -> Iterator[Callable[[int], None]]:
    if events < _MANY:
        yield lambda _: None
        return
    with click.progressbar(
        length=events, label="events", file=sys.stderr, update_min_steps=events // 500
    ) as bar:
        yield bar.update
