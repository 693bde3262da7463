"""``tallystick verify audit``"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from application.evidence.rebuild import Kept
from application.evidence.verify import Verdict
from application.ports.storage.work import StoreUnavailableError
from entrypoints.commands import setting_up
from entrypoints.container import Container

_NOTE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(
    "audit",
    help="Hold every audit event against the log: leaves, tiles, checkpoints and signatures, "
    "numbers without gaps, the journal's lines of each day, evidence that was issued.  Reads "
    "only, and nobody waits for it.  Exit status 1 if anything differs; docs/evidence.md says "
    "what each difference means, and what only a checkpoint from elsewhere can show.",
)
@click.option("--key", metavar="FINGERPRINT", help="The log's key is this one.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=_NOTE,
    multiple=True,
    help="A signed checkpoint that was kept elsewhere; again for each.",
)
@setting_up.as_json
@click.pass_context
def command(
    ctx: click.Context, key: str | None, checkpoints: tuple[Path, ...], as_json: bool
) -> None:
    kept = Kept(
        key=None if key is None else key.strip().lower(),
        notes=[file.read_text(encoding="utf-8") for file in checkpoints],
    )
    with setting_up.container(ctx) as container:
        try:
            verdict = _verdict(container, kept)
        except StoreUnavailableError as error:
            click.echo(f"the database: {error}", err=True)
            ctx.exit(1)
    if as_json:
        click.echo(json.dumps(_shown(verdict), ensure_ascii=False))
    else:
        _tell(verdict)
    sys.exit(bool(verdict.differences.counts))


def _verdict(container: Container, kept: Kept) -> Verdict:
    organisations = [each.organisation for each in container.books().volumes()]
    verify = container.verify_audit()
    with _progress(verify.events(organisations)) as advance:
        return verify(organisations, kept, advance)


@contextmanager
def _progress(events: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, by events read; nothing where there is no terminal."""
    with click.progressbar(
        length=events,
        label="audit events",
        file=sys.stderr,
        update_min_steps=max(events // 500, 1),
    ) as bar:
        yield bar.update


def _tell(verdict: Verdict) -> None:
    differences = verdict.differences
    for each in differences.told:
        click.echo(f"\nDIFFERS {each.code}  {each.subject}")
        click.echo(f"        expected  {each.expected}")
        click.echo(f"        found     {each.found}")
        click.echo(f"        {each.remedy}")
    for code, untold in differences.untold.items():
        click.echo(f"DIFFERS {code}  {untold} more")
    checked = (
        f"{verdict.events} events, {verdict.leaves} leaves, {verdict.checkpoints} checkpoints"
    )
    if verdict.unsealed:
        checked += f", {verdict.unsealed} events not sealed yet"
    if verdict.archived:
        checked += f", {verdict.archived} in archives"
    if verdict.voided:
        checked += f", {verdict.voided} voided numbers"
    number = sum(differences.counts.values())
    click.echo(f"{checked}: {f'{number} differences' if number else 'nothing differs'}")


def _shown(verdict: Verdict) -> Mapping[str, object]:
    return {
        "events": verdict.events,
        "leaves": verdict.leaves,
        "checkpoints": verdict.checkpoints,
        "unsealed": verdict.unsealed,
        "archived": verdict.archived,
        "voided": verdict.voided,
        "holds": not verdict.differences.counts,
        "counts": dict(verdict.differences.counts),
        "differences": [
            {
                "code": each.code,
                "subject": each.subject,
                "expected": each.expected,
                "found": each.found,
                "remedy": each.remedy,
            }
            for each in verdict.differences.told
        ],
    }
