"""``tallystick operations``"""

import click

from domain.errors import Refusal
from entrypoints.commands import setting_up


@click.group("operations", help="What workers cannot finish by themselves.")
def command() -> None: ...


@command.command(
    "end",
    help="Call an operation failed that has a step on chain and cannot go on.  It stays paid, and "
    "is never tried again.  Or a hand-over of which nothing was sent.",
)
@click.argument("organisation")
@click.argument("operation")
@click.option("--reason", required=True, help="Why; kept with the operation's failure.")
@setting_up.as_json
@click.pass_context
def end(ctx: click.Context, organisation: str, operation: str, reason: str, as_json: bool) -> None:
    owner = setting_up.organisation_id(ctx, organisation)
    id = setting_up.operation_id(ctx, operation)
    with setting_up.container(ctx) as container, setting_up.bad_news(ctx):
        ended = container.end_operation()(owner, id, reason)
    if isinstance(ended, Refusal):
        setting_up.refuse(ctx, ended, as_json=as_json)
        return
    told: dict[str, object] = {
        "organisation": organisation,
        "operation": ended.named,
        "state": ended.state.value,
        "credits": ended.credits,
        "remains": ended.failure and ended.failure.detail,
    }
    setting_up.answer(ctx, told, as_json=as_json)
