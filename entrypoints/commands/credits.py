"""``tallystick credits``"""

import click

from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up


@click.group("credits", help="Give credits.")
def command() -> None: ...


@command.command("grant", help="Give an organisation AMOUNT credits that do not expire.")
@click.argument("organisation")
@click.argument("amount", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@click.option("--reference", help="Names the fact it is for; the same one grants only once.")
@setting_up.as_json
@click.pass_context
def grant(
    ctx: click.Context,
    organisation: str,
    amount: int,
    reason: str,
    reference: str | None,
    as_json: bool,
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        lot = container.grant_credits()(id, amount, reason, reference)
    if isinstance(lot, Refusal):
        setting_up.refuse(ctx, lot, as_json=as_json)
        return
    given = {"grant": public_id(Prefix.GRANT, lot.id), "credits": lot.amount, "to": organisation}
    setting_up.answer(ctx, given, as_json=as_json)
