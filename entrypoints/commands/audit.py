"""``tallystick audit``"""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from application.evidence.event_proof import VerifierKey
from application.evidence.prove import Proof
from application.exports.request import ExportRequest
from application.exports.verify import (
    EVENT,
    MANIFEST,
    PROOF,
    Examined,
    NotAnExportError,
    VerifyExport,
)
from application.ports.files import FilesUnavailableError
from application.ports.storage.retention import PartitionsUnavailableError
from application.ports.storage.work import LeaseLostError, Scope, StoreUnavailableError
from application.ports.tables import TableError
from domain.audit import EventFilter, timestamp
from domain.checkpoint import MalformedError
from domain.errors import Refusal
from domain.export import Export, ExportFormat
from domain.identifiers import (
    INSTALLATION,
    EventId,
    ExportId,
    LegalHoldId,
    OrganisationId,
    Prefix,
    parse_id,
    public_id,
)
from domain.retention import Archive, ArchiveState, LegalHold, Month
from entrypoints.assembly import archived_rows, folder, table_formats, verifies
from entrypoints.commands import audit_state, setting_up
from entrypoints.container import Container

#: What stops a month, or is told of it, and has nothing to be mended.
_NO_FAILURE = {None, "legal_hold", "not_sealed", "late_events"}
_INSTANT = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])


@click.group("audit", help="Take the audit trail away, and keep it for as long as it must be.")
def command() -> None: ...


command.add_command(audit_state.command)


@command.command(
    "export",
    help="Write an organisation's audit trail (ORG) into a folder: parts of limited size, a "
    "manifest, and the event that has the manifest's digest.  Goes on where it stopped, with "
    "--again exp_….",
)
@click.argument("organisation")
@click.option(
    "--format",
    "encoding",
    type=click.Choice([each.value for each in ExportFormat]),
    default=ExportFormat.JSON_LINES.value,
    show_default=True,
    help="JSON Lines, CSV or Parquet.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder."
)
@click.option("--since", type=_INSTANT, help="Events of this instant (UTC) and later.")
@click.option("--until", type=_INSTANT, help="Events before this instant (UTC).")
@click.option("--actor", help="Only what they did: mem_…, key_…, or worker.")
@click.option("--action", help="Only deployment.confirmed, or deployment for all of it.")
@click.option("--subject", help="Only what happened to it: dep_….")
@click.option("--again", metavar="EXPORT", help="An export that was asked for before.")
@setting_up.as_json
@click.pass_context
def export(
    ctx: click.Context,
    organisation: str,
    encoding: str,
    out: Path,
    since: datetime | None,
    until: datetime | None,
    actor: str | None,
    action: str | None,
    subject: str | None,
    again: str | None,
    as_json: bool,
) -> None:
    of = setting_up.organisation_id(ctx, organisation)
    wanted = EventFilter(
        since=_utc(since), until=_utc(until), actor=actor, action=action, subject=subject
    )
    with setting_up.container(ctx) as container:
        try:
            asked = (
                _known(container, of, again)
                if again
                else container.request_export().as_operator(
                    of, ExportRequest(format=ExportFormat(encoding), wanted=wanted)
                )
            )
            if isinstance(asked, Refusal):
                setting_up.refuse(ctx, asked, as_json=as_json)
                return
            made = _make(container, asked)
            if made.is_under_way:
                click.echo(f"{made.name} is under way elsewhere; --again takes it then", err=True)
                ctx.exit(1)
            _take_away(container, made, out)
        except (FilesUnavailableError, LeaseLostError, StoreUnavailableError, OSError) as error:
            click.echo(f"not finished, go on with --again: {error}", err=True)
            ctx.exit(1)
    assert made.digest is not None and made.event is not None  # noqa: S101, PT018 - it is finished
    told: dict[str, object] = {
        "export": made.name,
        "events": made.in_parts,
        "parts": len(made.parts),
        "bytes": sum(part.size for part in made.parts),
        "digest": made.digest.hex(),
        "event": public_id(Prefix.EVENT, made.event),
        "folder": str(out),
    }
    setting_up.answer(ctx, told, as_json=as_json)


@command.command(
    "check",
    help="Hold an exported FOLDER against its manifest: every part, every leaf hash, and the "
    "event that has the manifest's digest.  Needs neither database nor configuration.  Exit "
    "status 1 if anything differs.",
)
@click.argument("where", metavar="FOLDER", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    metavar="TEXT",
    help="The log's key, as `verifier_key` of /v1/audit/keys: proves who signed the checkpoint "
    "that event.proof ends with.",
)
@setting_up.as_json
@click.pass_context
def check(ctx: click.Context, where: Path, key: str | None, as_json: bool) -> None:
    place = where if where.is_dir() else where.parent
    examine = VerifyExport(files=folder(place), formats=table_formats(), verifies=verifies())
    try:
        pinned = VerifierKey.parse(key) if key else None
    except MalformedError as error:
        raise click.BadParameter(str(error), ctx=ctx, param_hint="--key") from error
    try:
        found = examine(pinned)
    except (NotAnExportError, FilesUnavailableError) as error:
        refusal = Refusal(code="not_an_export", detail=str(error))
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    if as_json:
        click.echo(json.dumps(_examined(found)))
    else:
        _tell(found)
    sys.exit(bool(found.faults))


@command.command(
    "prove",
    help="The proof that an EVENT (evt_…) of an organisation (ORG, or `all` for the "
    "installation's) is in the log, as c2sp.org/tlog-proof.  An event that has left the database "
    "is looked for in the archive of its month, or in --archive.",
)
@click.argument("organisation")
@click.argument("event")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file …-audit_events-….jsonl of the archive; more than one may be given.",
)
@click.pass_context
def prove(ctx: click.Context, organisation: str, event: str, archives: tuple[Path, ...]) -> None:
    of = _organisation_or_all(ctx, organisation)
    id = parse_id(Prefix.EVENT, event)
    if id is None:
        raise click.BadParameter(f"{event} is no evt_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        try:
            proof = container.prove_archived()(
                of, EventId(id), archived_rows(archives) if archives else None
            )
        except (FilesUnavailableError, FileNotFoundError, TableError) as error:
            proof = Refusal(code="archive_unreadable", detail=str(error))
    if isinstance(proof, Refusal):
        setting_up.refuse(ctx, proof, as_json=False)
    elif isinstance(proof, Proof):
        click.echo(proof.text, nl=False)
    else:
        click.echo(f"no checkpoint covers {event} yet: leaf {proof.leaf_hash.hex()}", err=True)
        ctx.exit(1)


@command.command(
    "months",
    help="Each month of the trail: where it is, how much of it there is, and what holds it.",
)
@setting_up.as_json
@click.pass_context
def show_months(ctx: click.Context, as_json: bool) -> None:
    with (
        setting_up.container(ctx) as container,
        container.store().begin(Scope.installation()) as work,
    ):
        archives = {archive.month: archive for archive in work.archives.all()}
        aside = work.archives.set_aside()
        months = sorted({*work.archives.hot(), *aside, *archives})
        rows = [
            {
                "month": str(month),
                "state": _state(archives.get(month), is_aside=month in aside),
                "events": (
                    archives[month].events
                    if month in archives
                    else work.archives.volume(month).events
                ),
                "held_by": [
                    public_id(Prefix.LEGAL_HOLD, id) for _, id in work.legal_holds.over(month)
                ],
            }
            for month in months
        ]
    if as_json:
        click.echo(json.dumps({"months": rows}))
        return
    for row in rows:
        held = " ".join(str(each) for each in row["held_by"])
        click.echo(
            f"{row['month']}  {row['state']:<9}  {row['events']:>12} events  {held}".rstrip()
        )


@command.command(
    "archive",
    help="Write months that are no longer hot into files, of all organisations, and recompute "
    "every leaf hash from these.  With --drop take those whose archive is sealed out of the "
    "database, with --delete delete archives that were kept long enough.  Run it daily.",
)
@click.option("--drop", "drops", is_flag=True, help="Drop what is archived and sealed.")
@click.option("--delete", "deletes", is_flag=True, help="Delete what was kept long enough.")
@setting_up.as_json
@click.pass_context
def archive(ctx: click.Context, drops: bool, deletes: bool, as_json: bool) -> None:
    told: list[dict[str, object]] = []
    with setting_up.container(ctx) as container:
        try:
            for month, outcome in _retained(container, drops=drops, deletes=deletes):
                is_refused = isinstance(outcome, Refusal)
                told.append(
                    {
                        "month": str(month),
                        "state": None if isinstance(outcome, Refusal) else outcome.state.value,
                        "refusal": outcome.code if isinstance(outcome, Refusal) else None,
                        "detail": outcome.detail if isinstance(outcome, Refusal) else None,
                        "digest": None if isinstance(outcome, Refusal) else outcome.digest.hex(),
                    }
                )
                if not as_json:
                    words = outcome.detail if isinstance(outcome, Refusal) else outcome.state
                    click.echo(f"{month}  {'REFUSED  ' if is_refused else ''}{words}")
        except (FilesUnavailableError, PartitionsUnavailableError, StoreUnavailableError) as error:
            click.echo(f"not finished, run it again: {error}", err=True)
            ctx.exit(1)
    if as_json:
        click.echo(json.dumps({"months": told}))
    sys.exit(any(row["refusal"] not in _NO_FAILURE for row in told))


@command.command("certificate", help="The deletion certificate of a MONTH (2026-11).")
@click.argument("month")
@setting_up.as_json
@click.pass_context
def certificate(ctx: click.Context, month: str, as_json: bool) -> None:
    wanted = Month.parse(month)
    with setting_up.container(ctx) as container:
        with container.store().begin(Scope.installation()) as work:
            found = work.archives.get(wanted) if wanted else None
        if found is None or found.certificate is None:
            refusal = Refusal(code="not_found", detail=f"{month} was not deleted")
            setting_up.refuse(ctx, refusal, as_json=as_json)
            return
    if as_json:
        click.echo(json.dumps({"certificate": found.certificate}))
    else:
        click.echo(found.certificate, nl=False)


@command.group("hold", help="Legal holds: what must not be dropped, deleted or erased.")
def hold() -> None: ...


@hold.command(
    "place",
    help="Hold what an organisation (ORG) has, or what happened to one subject, or in a time.  "
    "`all` stands for every organisation.",
)
@click.argument("organisation")
@click.option("--subject", help="Only what happened to it, by its id: usr_…, mem_…, dep_….")
@click.option("--since", type=_INSTANT, help="Only this instant (UTC) and later.")
@click.option("--until", type=_INSTANT, help="Only before this instant (UTC).")
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@setting_up.as_json
@click.pass_context
def place(
    ctx: click.Context,
    organisation: str,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    reason: str,
    as_json: bool,
) -> None:
    of = _organisation_or_all(ctx, organisation)
    with setting_up.container(ctx) as container:
        placed = container.place_hold()(
            of, reason, subject=subject, since=_utc(since), until=_utc(until)
        )
        if isinstance(placed, Refusal):
            setting_up.refuse(ctx, placed, as_json=as_json)
            return
        _put_back(container)
    told = _shown_hold(placed.hold)
    if placed.is_of_nobody:
        click.echo(
            f"{subject} is nobody who is or was in {organisation}: the hold is placed, and keeps "
            "nobody from being erased.  Lift it if that was not meant",
            err=True,
        )
    too_late = [str(month) for month in placed.too_late_for]
    if too_late:
        click.echo(
            f"TOO LATE for {', '.join(too_late)}: deleting the archive began before.  "
            "What is left of it stays from the next `audit archive --delete` on; copy it now",
            err=True,
        )
    setting_up.answer(
        ctx,
        told | {"too_late_for": too_late, "is_of_nobody": placed.is_of_nobody},
        as_json=as_json,
    )


@hold.command("lift", help="Lift a HOLD (lgh_…) of an organisation (ORG, or `all`).")
@click.argument("organisation")
@click.argument("name", metavar="HOLD")
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@setting_up.as_json
@click.pass_context
def lift(ctx: click.Context, organisation: str, name: str, reason: str, as_json: bool) -> None:
    of = _organisation_or_all(ctx, organisation)
    id = parse_id(Prefix.LEGAL_HOLD, name)
    if id is None:
        raise click.BadParameter(f"{name} is no lgh_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        lifted = container.lift_hold()(of, LegalHoldId(id), reason)
    if isinstance(lifted, Refusal):
        setting_up.refuse(ctx, lifted, as_json=as_json)
        return
    setting_up.answer(ctx, _shown_hold(lifted), as_json=as_json)


@hold.command("list", help="Holds of an organisation (ORG, or `all`), lifted ones too.")
@click.argument("organisation")
@setting_up.as_json
@click.pass_context
def list_holds(ctx: click.Context, organisation: str, as_json: bool) -> None:
    of = _organisation_or_all(ctx, organisation)
    with (
        setting_up.container(ctx) as container,
        container.store().begin(Scope(organisation=of)) as work,
    ):
        holds = [_shown_hold(each) for each in work.legal_holds.all()]
    if as_json:
        click.echo(json.dumps({"holds": holds}))
        return
    for each in holds:
        setting_up.answer(ctx, each, as_json=False)


def _put_back(container: Container) -> None:
    """A hold does not find what was set aside; the hold is placed, whatever becomes of this."""
    try:
        months = container.put_back()()
    except PartitionsUnavailableError as error:
        click.echo(
            f"a month that was being dropped is still set aside ({error}): "
            "see `tallystick audit months`, and run `tallystick audit archive`",
            err=True,
        )
        return
    for month in months:
        click.echo(f"{month} was set aside to be dropped, and is back", err=True)


def _late(container: Container, month: Month) -> int:
    with container.store().begin(Scope.installation()) as work:
        late: int = work.archives.volume(month).strays
    return late


def _state(archive: Archive | None, *, is_aside: bool) -> str:
    if is_aside:
        return "set_aside"
    if archive is None:
        return "hot"
    return "deleting" if archive.is_being_deleted else archive.state.value


def _retained(
    container: Container, *, drops: bool, deletes: bool
) -> Iterator[tuple[Month, Archive | Refusal]]:
    """Each month that was asked about, in order, and how far it went."""
    container.put_back()()
    settings, now = container.settings(), container.clock().now()
    with container.store().begin(Scope.installation()) as work:
        hot = work.archives.hot()
        archives = {archive.month: archive for archive in work.archives.all()}
    is_stopped = False
    for month in sorted({*hot, *archives}):
        known = archives.get(month)
        outcome: Archive | Refusal | None = None
        if known is None and month.is_over_for(settings.retention.hot_months, now):
            outcome = container.archive_month()(month)
        elif known is not None and known.state is ArchiveState.ARCHIVED:
            # As it is; or made anew, with what came late for it.
            made = container.archive_month()(month)
            if made != known:
                outcome = made
            elif drops and not is_stopped:
                outcome = container.drop_month()(month)
            # The trail begins at one place: behind a month that stays all others stay.
            is_stopped = is_stopped or made != known or isinstance(outcome, Refusal)
        elif (
            known is not None
            and known.state is ArchiveState.DROPPED
            and deletes
            and month.is_over_for(settings.retention.kept_months, now)
        ):
            outcome = container.delete_archive()(month)
        elif known is not None and known.state is ArchiveState.DELETED and deletes:
            # Its certificate is laid into the folder, where that was not done.
            refused = container.delete_archive()(month)
            outcome = refused if isinstance(refused, Refusal) else None
        elif known is not None and (late := _late(container, month)):
            outcome = Refusal(
                code="late_events",
                detail=f"{late} events came after it was dropped, as the database's clock was set "
                "back: they stay in the database, sealed, and are proved from there",
            )
        if outcome is not None:
            yield month, outcome


def _organisation_or_all(ctx: click.Context, text: str) -> OrganisationId:
    return INSTALLATION if text == "all" else setting_up.organisation_id(ctx, text)


def _shown_hold(hold: LegalHold) -> dict[str, object]:
    instants = {
        "since": hold.since,
        "until": hold.until,
        "placed_at": hold.placed_at,
        "lifted_at": hold.lifted_at,
    }
    return {
        "hold": hold.name,
        "organisation": public_id(Prefix.ORGANISATION, hold.organisation),
        "subject": hold.subject,
        **{name: None if at is None else timestamp(at) for name, at in instants.items()},
        "reason": hold.reason,
        "lifted_because": hold.lifted_because,
    }


def _examined(found: Examined) -> dict[str, object]:
    return {
        "export": found.export,
        "digest": found.digest,
        "events": found.events,
        "parts": found.parts,
        "holds": not found.faults,
        "faults": list(found.faults),
        "event_leaf": found.event_leaf,
        "origin": None if found.checkpoint is None else found.checkpoint.origin,
        "size": None if found.checkpoint is None else found.checkpoint.size,
        "is_signed": found.is_signed,
    }


def _tell(found: Examined) -> None:
    for fault in found.faults:
        click.echo(f"REFUSED     {fault}")
    if not found.faults:
        click.echo(f"PROVED      {found.events} events in {found.parts} parts are those of the")
        click.echo(f"            manifest {found.digest}")
    if found.event_leaf is None:
        click.echo(f"NOT PROVED  who made the manifest: {EVENT} is not there, or is another's")
    else:
        click.echo("PROVED      the event export.finished of this trail has that digest")
        _tell_of_the_log(found)


def _tell_of_the_log(found: Examined) -> None:
    if found.checkpoint is None:
        click.echo(
            f"NOT PROVED  that the event is sealed: {PROOF} is not there or does not hold;\n"
            f"            ask for the proof of {found.event_leaf}"
        )
        return
    size, origin = found.checkpoint.size, found.checkpoint.origin
    click.echo(f"PROVED      the event is in the log {origin} of {size} leaves")
    if found.is_signed:
        click.echo("PROVED      the key that you gave has signed that log")
    else:
        click.echo("NOT PROVED  who signed that log: give its key with --key")


def _known(container: Container, organisation: OrganisationId, name: str) -> Export | Refusal:
    id = parse_id(Prefix.EXPORT, name)
    with container.store().begin(Scope(organisation=organisation)) as work:
        found = work.exports.get(ExportId(id)) if id else None
    return found or Refusal(code="not_found", detail=f"there is no export {name}")


def _make(container: Container, export: Export) -> Export:
    """With a bar on the terminal, by events."""
    with click.progressbar(length=export.last_sequence, label="events", file=sys.stderr) as bar:
        told = 0

        def tell(written: int, total: int) -> None:
            nonlocal told
            bar.length = total
            bar.update(written - told)
            told = written

        made = container.make_export()(export.organisation, export.id, tell)
    return made or export


def _take_away(container: Container, export: Export, out: Path) -> None:
    files = container.export_files()
    out.mkdir(parents=True, exist_ok=True)
    places = {part.name: export.place_of(part) for part in export.parts}
    for name, place in (places | {MANIFEST: export.place_of_manifest}).items():
        file = files.open(place)
        if file is None:
            raise FilesUnavailableError(f"{name} of {export.name} is gone")
        with file, (out / name).open("wb") as copy:
            shutil.copyfileobj(file, copy)
    with container.store().begin(Scope(organisation=export.organisation)) as work:
        event = work.audit.get(export.event) if export.event else None
    if event is not None:
        text = f'{{"body":{event.body.decode()},"salt":"{event.salt.hex()}"}}\n'
        (out / EVENT).write_text(text, "utf-8")
        proof = container.prove_archived()(export.organisation, event.id)
        if isinstance(proof, Proof):
            (out / PROOF).write_text(proof.text, "utf-8")


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
