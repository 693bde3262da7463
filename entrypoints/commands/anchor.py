"""``tallystick anchor``"""

import json
import time

import click

from application.ports.storage.work import Scope
from domain.anchor import Anchor
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import NetworkId
from entrypoints.commands import setting_up
from entrypoints.container import Container

_LOOK_EVERY_SECONDS = 0.5


@click.command(
    "anchor",
    help="Put the newest checkpoint of the audit trail on chain: on the networks of [audit] "
    "anchor_networks, or on those that are named.  Workers do it by themselves every "
    "[audit] anchor_every_minutes.",
)
@click.option("--network", "networks", multiple=True, help="CAIP-2: eip155:8453; may be repeated.")
@click.option("--wait", is_flag=True, help="Until it is final; a worker must be at work.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, networks: tuple[str, ...], wait: bool, as_json: bool) -> None:
    chosen = tuple(map(NetworkId, networks)) or setting_up.settings(ctx).anchor_networks
    if not chosen:
        refusal = Refusal(
            code="nowhere_to_anchor",
            detail="name a network with --network, or some in [audit] anchor_networks",
        )
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    asked: list[Deployment] = []
    with setting_up.container(ctx) as container:
        for network in chosen:
            answer = container.request_anchor()(network)
            if isinstance(answer, Refusal):
                setting_up.refuse(ctx, answer, as_json=as_json)
            # On demand it is always due.
            elif answer is not None:
                asked.append(answer)
        while wait and any(each.state.is_open for each in asked):
            time.sleep(_LOOK_EVERY_SECONDS)
            asked = [_now(container, each) for each in asked]
    told = [_told(each) for each in asked]
    if as_json:
        click.echo(json.dumps(told))
    else:
        for each in told:
            setting_up.answer(ctx, each, as_json=False)
    ctx.exit(any(each.state is State.FAILED for each in asked))


def _now(container: Container, operation: Deployment) -> Deployment:
    with container.store().begin(Scope.installation()) as work:
        return work.deployments.get(operation.id) or operation


def _told(operation: Deployment) -> dict[str, object]:
    checkpoint, inclusion = Anchor.of(operation.token).checkpoint, operation.step.inclusion
    return {
        "network": operation.network,
        "operation": operation.named,
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "state": operation.state.value,
        "waiting_for": operation.waiting and operation.waiting.value,
        "transaction": inclusion and inclusion.transaction_id,
        "block": inclusion and inclusion.block.number,
        "failure": operation.failure and operation.failure.detail,
    }
