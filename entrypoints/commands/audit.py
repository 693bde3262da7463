"""``tallystick audit``"""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from application.exports.request import ExportRequest
from application.exports.verify import EVENT, MANIFEST, Examined, NotAnExportError, VerifyExport
from application.ports.files import FilesUnavailableError
from application.ports.storage.work import LeaseLostError, Scope, StoreUnavailableError
from domain.audit import EventFilter
from domain.errors import Refusal
from domain.export import Export, ExportFormat
from domain.identifiers import ExportId, OrganisationId, Prefix, parse_id, public_id
from entrypoints.assembly import folder, table_formats
from entrypoints.commands import audit_state, setting_up
from entrypoints.container import Container

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
@setting_up.as_json
@click.pass_context
def check(ctx: click.Context, where: Path, as_json: bool) -> None:
    place = where if where.is_dir() else where.parent
    try:
        found = VerifyExport(files=folder(place), formats=table_formats())()
    except (NotAnExportError, FilesUnavailableError) as error:
        refusal = Refusal(code="not_an_export", detail=str(error))
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    if as_json:
        click.echo(json.dumps(_examined(found)))
    else:
        _tell(found)
    sys.exit(bool(found.faults))


def _examined(found: Examined) -> dict[str, object]:
    return {
        "export": found.export,
        "digest": found.digest,
        "events": found.events,
        "parts": found.parts,
        "holds": not found.faults,
        "faults": list(found.faults),
        "event_leaf": found.event_leaf,
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
        click.echo(
            f"NOT PROVED  that the event is sealed: ask for the proof of {found.event_leaf}"
        )


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


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)
