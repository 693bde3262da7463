"""``tallystick abuse``"""

import click

from domain.errors import Refusal
from domain.identifiers import ApiKeyId, Prefix, parse_id
from entrypoints.commands import setting_up

_reason = click.option("--reason", required=True, help="Why; kept in the audit trail.")


@click.group("abuse", help="Lift what the limits have stopped, or raise one.")
def command() -> None: ...


@command.command("lift", help="Let an organisation spend again before its hour is over.")
@click.argument("organisation")
@click.option("--of", help="Only this member (mem_…), with their API keys, blocks included.")
@_reason
@setting_up.as_json
@click.pass_context
def lift(
    ctx: click.Context, organisation: str, of: str | None, reason: str, as_json: bool
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    if of is not None and parse_id(Prefix.MEMBER, of) is None:
        raise click.BadParameter(f"{of} is no mem_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        lifted = container.lift_limits()(id, of, reason)
    if isinstance(lifted, Refusal):
        setting_up.refuse(ctx, lifted, as_json=as_json)
        return
    told = {"organisation": organisation, "of": of or organisation, "was_stopped": lifted}
    setting_up.answer(ctx, told, as_json=as_json)


@command.command("raise", help="Let an API key make LIMIT changing requests a minute.")
@click.argument("organisation")
@click.argument("key")
@click.argument("limit", type=click.IntRange(min=0), metavar="LIMIT")
@_reason
@setting_up.as_json
@click.pass_context
def raise_limit(
    ctx: click.Context, organisation: str, key: str, limit: int, reason: str, as_json: bool
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    of = parse_id(Prefix.API_KEY, key)
    if of is None:
        raise click.BadParameter(f"{key} is no key_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        refusal = container.raise_limit()(id, ApiKeyId(of), limit or None, reason)
    if isinstance(refusal, Refusal):
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    told = {"key": key, "requests_per_minute": limit or None}
    setting_up.answer(ctx, told, as_json=as_json)
