"""``tallystick audit state``"""

import json
from datetime import UTC, datetime

import click

from entrypoints.commands import setting_up
from entrypoints.states import representation, told


@click.command(
    "state",
    help="What was so at an instant: members, licence, credits, tokens; by an organisation's "
    "audit trail alone.",
)
@click.argument("organisation")
@click.option("--at", help="An instant with a zone, like 2026-11-20T12:00:00Z; by default now.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, organisation: str, at: str | None, as_json: bool) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    asked = None if at is None else _instant(ctx, at)
    with setting_up.container(ctx) as container:
        now = container.clock().now()
        instant = min(asked or now, now)
        found = container.state_as_of()(id, instant)
    if as_json:
        click.echo(json.dumps(representation(found, instant), ensure_ascii=False))
        return
    for line in told(found, instant):
        click.echo(line)


def _instant(ctx: click.Context, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise click.BadParameter(f"{text} is no instant with a zone, like 2026-11-20T12:00:00Z",
                             ctx=ctx)  # fmt: skip
