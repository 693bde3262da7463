"""``tallystick credits statement``"""

import json

import click

from domain.errors import Refusal
from entrypoints.commands import setting_up
from entrypoints.statements import month, representation, told


@click.command("statement", help="What became of an organisation's credits in a period.")
@click.argument("organisation")
@click.option("--period", help="A calendar month in UTC, like 2026-11; by default the one of now.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, organisation: str, period: str | None, as_json: bool) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    asked = None if period is None else month(period)
    if period is not None and asked is None:
        raise click.BadParameter(f"{period} is no month, like 2026-11", ctx=ctx)
    with setting_up.container(ctx) as container:
        found = container.state_account()(id, asked)
    if isinstance(found, Refusal):
        setting_up.refuse(ctx, found, as_json=as_json)
        return
    if as_json:
        click.echo(json.dumps(representation(found), ensure_ascii=False))
        return
    for line in told(found):
        click.echo(line)
