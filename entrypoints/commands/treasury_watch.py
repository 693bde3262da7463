"""``tallystick treasury list`` and ``tallystick treasury notify``: what is there, who is told."""

import json

import click

from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import EndpointId, Prefix, parse_id
from domain.treasury import Holding, Level
from domain.webhook import Scheme
from entrypoints.commands import setting_up
from entrypoints.container import Container


@click.command("list", help="What treasuries hold, and how much to send where.")
@setting_up.as_json
@click.pass_context
def listing(ctx: click.Context, as_json: bool) -> None:
    """Looks first; what no node says is told as it was seen last."""
    with setting_up.container(ctx) as container:
        seen = {(each.network, each.address): each for each in container.watch_treasuries()()}
        found = []
        for id in container.chains():
            with container.store().begin(Scope.installation()) as work:
                signers = work.signers.treasury(id)
                known = [work.signers.holding(id, signer.address) for signer in signers]
            for signer, last in zip(signers, known, strict=True):
                holding = seen.get((id, signer.address)) or last
                told = {"network": id, "address": signer.address, "signer_halted": signer.halted}
                found.append({**told, **_told(container, holding)})
    if as_json:
        click.echo(json.dumps({"treasuries": found}))
        return
    for each in found:
        setting_up.answer(ctx, each, as_json=False)
        click.echo()
    if not found:
        click.echo("there is none: `tallystick treasury create --network …`")


def _told(container: Container, holding: Holding | None) -> dict[str, object]:
    if holding is None:
        return {"level": "unknown", "balance": None, "send_at_least": None}
    thresholds = container.watch_treasuries().thresholds[holding.network]
    unit = container.chains()[holding.network].network.base_unit
    missing = thresholds.missing(holding.balance) if holding.level is not Level.ENOUGH else 0
    return {
        "level": holding.level.value,
        "balance": str(holding.balance),
        "unit": unit,
        "low_below": str(thresholds.low),
        "empty_below": str(thresholds.empty),
        "send_at_least": str(missing),
        "seen_at": holding.seen_at.isoformat(),
    }


@click.group("notify", help="Webhook endpoints of the operator: told when a treasury runs low.")
def notify() -> None: ...


@notify.command("add", help="Tell a URL of every threshold that a treasury crosses.")
@click.argument("url")
@click.option("--public-key", is_flag=True, help="Sign with Ed25519: nobody keeps a secret.")
@setting_up.as_json
@click.pass_context
def add(ctx: click.Context, url: str, public_key: bool, as_json: bool) -> None:
    scheme = Scheme.PUBLIC if public_key else Scheme.SHARED
    with setting_up.container(ctx) as container:
        made = container.operators_endpoints().add(url, live=True, scheme=scheme)
    if isinstance(made, Refusal):
        setting_up.refuse(ctx, made, as_json=as_json)
        return
    told = {"id": made.endpoint.name, "url": made.endpoint.url, "secret": made.secret}
    setting_up.answer(ctx, told, as_json=as_json)


@notify.command("list", help="Which URLs are told.")
@setting_up.as_json
@click.pass_context
def endpoints(ctx: click.Context, as_json: bool) -> None:
    with setting_up.container(ctx) as container:
        known = container.operators_endpoints().all()
    told = [{"id": each.name, "url": each.url, "state": each.state.value} for each in known]
    if as_json:
        click.echo(json.dumps({"endpoints": told}))
        return
    for each in told:
        click.echo(f"{each['id']}  {each['state']:<8}  {each['url']}")


@notify.command("remove", help="Tell it no more.")
@click.argument("endpoint")
@setting_up.as_json
@click.pass_context
def remove(ctx: click.Context, endpoint: str, as_json: bool) -> None:
    id = parse_id(Prefix.WEBHOOK_ENDPOINT, endpoint)
    if id is None:
        raise click.BadParameter(f"{endpoint} is no whk_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        gone = container.operators_endpoints().remove(EndpointId(id))
    if isinstance(gone, Refusal):
        setting_up.refuse(ctx, gone, as_json=as_json)
        return
    setting_up.answer(ctx, {"id": gone.name, "state": gone.state.value}, as_json=as_json)
