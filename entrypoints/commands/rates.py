"""``tallystick rates``"""

from datetime import UTC, datetime

import click

from domain.errors import Refusal
from domain.identifiers import NetworkId
from entrypoints.commands import setting_up


@click.group("rates", help="Say what coins are worth, for fees in money.")
def command() -> None: ...


@command.command("set", help="Say that one whole coin of NETWORK is worth PRICE.")
@click.argument("network")
@click.argument("price")
@click.option("--currency", help="ISO 4217; by default the catalogue's.")
@click.option("--source", required=True, help="Who says so; shown on every line charged by it.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="When it was so, in UTC (2026-11-21T12:00:00Z); by default now.",
)
@setting_up.as_json
@click.pass_context
def set_rate(
    ctx: click.Context,
    network: str,
    price: str,
    currency: str | None,
    source: str,
    at: datetime | None,
    as_json: bool,
) -> None:
    with setting_up.container(ctx) as container:
        chosen = currency or container.settings().catalogue.currency
        when = None if at is None else at.replace(tzinfo=UTC)
        rate = container.set_rate()(NetworkId(network), price, chosen, source, when)
    if isinstance(rate, Refusal):
        setting_up.refuse(ctx, rate, as_json=as_json)
        return
    told = {
        "network": network,
        "price": str(rate.price),
        "currency": rate.currency,
        "source": rate.source,
        "at": rate.at.isoformat(),
    }
    setting_up.answer(ctx, told, as_json=as_json)
