"""``tallystick verify``"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from application.operator.verify_ledger import Verdict
from application.ports.storage.work import StoreUnavailableError
from domain.audit import timestamp
from domain.books import Finding
from domain.books.promises import GiftsBetween
from domain.identifiers import OrganisationId, Prefix, public_id
from entrypoints.commands import setting_up, verify_audit
from entrypoints.container import Container
from verifier.tallystick_verifier.command import run
from verifier.tallystick_verifier.report import UnusableError

_FILE = click.Path(path_type=Path)


class _FileOrCommand(click.Group):
    """What is none of its commands is a file, or an option before one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["pack", *args])


@click.group(
    "verify",
    cls=_FileOrCommand,
    context_settings={"ignore_unknown_options": True},
    subcommand_metavar="FILE | COMMAND [ARGS]...",
    help="Check a file of evidence, `tallystick verify FILE`, or what was recorded on a live "
    "system, `tallystick verify ledger` and `tallystick verify audit`.",
)
def command() -> None: ...


command.add_command(verify_audit.command)


@command.command(
    "pack",
    help="Check an evidence pack without a server: what it proves, what it does not and why, or "
    "where it fails.  `pack` may be left out.  Exit status 0 proved, 1 refused, 2 the input "
    "cannot be used; docs/evidence.md has the codes, and what no file can prove.",
)
@click.argument("file", type=_FILE)
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="The log's key is this one: its fingerprint, a line name+id+base64, or a file of either; "
    "again for each log that the installation has opened.",
)
@click.option("--checkpoint", type=_FILE, help="Another signed checkpoint of the log.")
@click.option(
    "--consistency", type=_FILE, help="The proof between the two, as the API answers it."
)
@click.option(
    "--anchor-note",
    "anchor_notes",
    multiple=True,
    help="What somebody has read off a chain, in hexadecimal; again for each.",
)
@setting_up.as_json
def pack(
    file: Path,
    keys: tuple[str, ...],
    checkpoint: Path | None,
    consistency: Path | None,
    anchor_notes: tuple[str, ...],
    as_json: bool,
) -> None:
    try:
        status, told = run(
            file,
            keys=keys,
            checkpoint=checkpoint,
            consistency=consistency,
            anchor_notes=anchor_notes,
            as_json=as_json,
        )
    except UnusableError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(told)
    sys.exit(status)


@command.command(
    "ledger",
    help="Recompute every balance, lot and hold from the journal and compare; all organisations, "
    "or one ORGANISATION.  Reads only, and nobody waits for it.  Exit status 1 if an invariant is "
    "broken; docs/ledger.md says what each means.",
)
@click.argument("organisation", required=False)
@setting_up.as_json
@click.pass_context
def ledger(ctx: click.Context, organisation: str | None, as_json: bool) -> None:
    of = setting_up.organisation_id(ctx, organisation) if organisation else None
    with setting_up.container(ctx) as container:
        try:
            verdicts = _verdicts(container, of, as_json=as_json)
        except StoreUnavailableError as error:
            click.echo(f"the database: {error}", err=True)
            ctx.exit(1)
    if of is not None and not verdicts:
        click.echo(f"there is no organisation {organisation}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(json.dumps(_shown(verdicts), ensure_ascii=False))
    else:
        click.echo(_summary(verdicts))
    sys.exit(any(verdict.findings for verdict in verdicts))


def _verdicts(container: Container, of: OrganisationId | None, *, as_json: bool) -> list[Verdict]:
    books, verify = container.books(), container.verify_ledger()
    volumes = [each for each in books.volumes() if of in {None, each.organisation}]
    between = GiftsBetween(container.clock().now())
    verdicts: list[Verdict] = []
    with _progress(sum(each.lines for each in volumes)) as advance:
        for volume in volumes:
            verdict = verify(volume.organisation, advance)
            between.note(verdict.organisation, verdict.gifts)
            verdicts.append(verdict)
    if of is None:
        between.finish({verdict.organisation: verdict.findings for verdict in verdicts})
    if not as_json:
        for verdict in verdicts:
            _tell(verdict)
    return verdicts


@contextmanager
def _progress(lines: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, by lines read; nothing where there is no terminal."""
    with click.progressbar(
        length=lines, label="journal lines", file=sys.stderr, update_min_steps=max(lines // 500, 1)
    ) as bar:
        yield bar.update


def _tell(verdict: Verdict) -> None:
    name = public_id(Prefix.ORGANISATION, verdict.organisation)
    for finding in verdict.findings:
        click.echo(f"\nBROKEN {finding.invariant}  {name}  {finding.subject}")
        click.echo(f"        expected  {finding.expected}")
        click.echo(f"        found     {finding.found}")
        click.echo(f"        {finding.remedy}")
    for invariant, untold in _untold(verdict).items():
        click.echo(f"BROKEN {invariant}  {name}  {untold} more")


def _untold(verdict: Verdict) -> dict[str, int]:
    told = [finding.invariant for finding in verdict.findings]
    return {
        invariant: count - told.count(invariant)
        for invariant, count in sorted(verdict.findings.counts.items())
        if count > told.count(invariant)
    }


def _summary(verdicts: list[Verdict]) -> str:
    broken = sum(bool(verdict.findings) for verdict in verdicts)
    lines = sum(verdict.lines for verdict in verdicts)
    checked = f"{len(verdicts)} organisations, {lines} journal lines"
    begins = _begins(verdicts)
    if begins is not None:
        # Earlier events are in archives: their months have been dropped.
        checked += f", held against the trail from {begins} on"
    return f"{checked}: {'every invariant holds' if not broken else f'{broken} with findings'}"


def _shown(verdicts: list[Verdict]) -> dict[str, object]:
    return {
        "organisations": len(verdicts),
        "lines": sum(verdict.lines for verdict in verdicts),
        "holds": not any(verdict.findings for verdict in verdicts),
        "trail_begins": _begins(verdicts),
        "findings": [
            _finding(verdict, finding) for verdict in verdicts for finding in verdict.findings
        ],
        "counts": {
            public_id(Prefix.ORGANISATION, verdict.organisation): dict(verdict.findings.counts)
            for verdict in verdicts
            if verdict.findings
        },
    }


def _begins(verdicts: list[Verdict]) -> str | None:
    found = max((each.trail_begins for each in verdicts if each.trail_begins), default=None)
    return None if found is None else timestamp(found)


def _finding(verdict: Verdict, finding: Finding) -> dict[str, str]:
    return {
        "invariant": finding.invariant,
        "organisation": public_id(Prefix.ORGANISATION, verdict.organisation),
        "subject": finding.subject,
        "expected": finding.expected,
        "found": finding.found,
        "remedy": finding.remedy,
    }
