"""``tallystick treasury``"""

import click

from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import NetworkId, Prefix, public_id
from domain.network import NetworkClass
from entrypoints.assembly import give_development_coin
from entrypoints.commands import setting_up, treasury_watch

_network = click.option("--network", required=True, help="CAIP-2: eip155:31337")


@click.group("treasury", help="The accounts that sign and pay for deployments.")
def command() -> None: ...


command.add_command(treasury_watch.listing)
command.add_command(treasury_watch.notify)


@command.command("create", help="Give a network its treasury account, and our factory.")
@_network
@setting_up.as_json
@click.pass_context
def create(ctx: click.Context, network: str, as_json: bool) -> None:
    with setting_up.container(ctx) as container, setting_up.bad_news(ctx):
        made = container.create_treasury()(NetworkId(network))
    if isinstance(made, Refusal):
        setting_up.refuse(ctx, made, as_json=as_json)
        return
    told: dict[str, object] = {
        "network": network,
        "address": made.signer.address,
        "key": made.signer.key,
        "balance": str(made.balance),
        "installation": made.installation and public_id(Prefix.DEPLOYMENT, made.installation),
    }
    setting_up.answer(ctx, told, as_json=as_json)
    if not as_json:
        then = "; a worker then installs what the network still lacks" if made.installation else ""
        click.echo(f"fund this address{then}")


@command.command("show", help="Balances, nonces and halts.")
@setting_up.as_json
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    with setting_up.container(ctx) as container, setting_up.bad_news(ctx):
        for id, chain in container.chains().items():
            with container.store().begin(Scope.installation()) as work:
                signers = work.signers.treasury(id)
                halted = work.networks.status(id).halted
            for signer in signers:
                state = chain.signer_state(signer.address)
                told: dict[str, object] = {
                    "network": id,
                    "address": signer.address,
                    "balance": str(state.balance),
                    "next_nonce": signer.next_sequence,
                    "next_nonce_on_chain": state.next_sequence,
                    "signer_halted": signer.halted,
                    "network_halted": halted,
                }
                setting_up.answer(ctx, told, as_json=as_json)


@command.command("fund", help="Give the treasury native coin.  Development networks only.")
@_network
@click.option("--amount", type=click.IntRange(min=1), default=1_000, help="Whole coins, e.g. ETH.")
@setting_up.as_json
@click.pass_context
def fund(ctx: click.Context, network: str, amount: int, as_json: bool) -> None:
    entry = next((e for e in setting_up.settings(ctx).networks if e.network.id == network), None)
    if entry is None or entry.network.network_class is not NetworkClass.DEVELOPMENT:
        refusal = Refusal(
            code="not_a_development_network",
            detail=f"{network} is no development network of this configuration; send coin to the "
            "treasury's address",
        )
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    with setting_up.container(ctx) as container, setting_up.bad_news(ctx):
        with container.store().begin(Scope.installation()) as work:
            signers = work.signers.treasury(NetworkId(network))
        for signer in signers:
            give_development_coin(entry.network, entry.nodes[0].url, signer.address, amount)
            state = container.chains()[NetworkId(network)].signer_state(signer.address)
            container.watch_treasuries().look(NetworkId(network), signer.address)
            told = {"address": signer.address, "balance": str(state.balance)}
            setting_up.answer(ctx, told, as_json=as_json)


@command.command("resume", help="Sign again after a halt, once a person has looked.")
@_network
@click.option("--reason", required=True, help="What was found; kept in the audit trail.")
@setting_up.as_json
@click.pass_context
def resume(ctx: click.Context, network: str, reason: str, as_json: bool) -> None:
    with setting_up.container(ctx) as container, setting_up.bad_news(ctx):
        resumed = container.resume()(NetworkId(network), reason)
    if isinstance(resumed, Refusal):
        setting_up.refuse(ctx, resumed, as_json=as_json)
        return
    setting_up.answer(
        ctx, {"resumed": ", ".join(resumed) or "nothing was halted"}, as_json=as_json
    )
