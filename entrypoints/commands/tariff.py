"""``tallystick tariff``"""

import click

from domain.catalogue import TariffName
from domain.errors import Refusal
from entrypoints.commands import setting_up


@click.group("tariff", help="Change what an organisation subscribes to.")
def command() -> None: ...


@command.command("set", help="Put an organisation on TARIFF, one of the catalogue.")
@click.argument("organisation")
@click.argument("tariff", metavar="TARIFF")
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@setting_up.as_json
@click.pass_context
def set_tariff(
    ctx: click.Context, organisation: str, tariff: str, reason: str, as_json: bool
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        refusal = container.set_tariff()(id, TariffName(tariff), reason)
    if isinstance(refusal, Refusal):
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    setting_up.answer(ctx, {"organisation": organisation, "tariff": tariff}, as_json=as_json)
