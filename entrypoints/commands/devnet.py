"""``tallystick devnet``"""

import json
import signal
import sys
from pathlib import Path

import click

from entrypoints.devnet.algod import TOKEN, Network, devnet
from entrypoints.devnet.algod.faults import NAMES
from entrypoints.devnet.algod.world import MODES
from entrypoints.devnet.processes import DevnetError

_HELP = f"""An Algorand network on this machine, for development.

It speaks algod's HTTP API, so any SDK works with it: signatures, leases, groups, fees, minimum
balances and limits are checked as on a real node, and refused in its words. Payments and assets
are executed; programs are not, yet. It runs until interrupted.

Money comes from a dispenser, and blocks and faults are made by asking any node:

\b
    curl -d '{{"address": "…", "amount": 10000000}}' URL/devnet/fund
    curl -d '{{"count": 1}}'                         URL/devnet/blocks
    curl -d '{{"rounds": 1000}}'                     URL/devnet/advance
    curl -d '{{"mode": "interval", "block_time": 3}}' URL/devnet/mode
    curl -d '{{"fault": "accept_then_drop"}}'        URL/devnet/faults
    curl                                           URL/devnet/faults

A fault is of the node that is asked, and strikes once; with "times": null until it is cleared by
URL/devnet/faults/clear. There are: {", ".join(NAMES)}.
"""


@click.command("devnet", help=_HELP)
@click.option("--nodes", default=1, show_default=True, help="How many nodes over one ledger.")
@click.option("--port", "ports", type=int, multiple=True, help="A node's port; else a free one.")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="instant",
    show_default=True,
    help="A block as soon as something is sent, at intervals, or only when asked for.",
)
@click.option(
    "--block-time", default=1.0, show_default=True, help="Seconds between blocks at intervals."
)
@click.option(
    "--idle-seconds",
    default=2.0,
    show_default=True,
    help="After which an instant network makes an empty block, so that windows pass; 0: never.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that keeps the chain; every block is on disk before it is told of.",
)
@click.option(
    "--kept-rounds",
    type=int,
    multiple=True,
    help="How many blocks a node keeps, in the order of nodes; 0 for an archive.  [default: 0]",
)
@click.option("--genesis-seed", default="", help="Any text; another one makes another chain.")
@click.option("--token", help="Refuse requests without this X-Algo-API-Token.")
@click.option("--json", "as_json", is_flag=True, help="Say what it is in one line of JSON.")
def command(
    nodes: int,
    ports: tuple[int, ...],
    mode: str,
    block_time: float,
    idle_seconds: float,
    state: Path | None,
    kept_rounds: tuple[int, ...],
    genesis_seed: str,
    token: str | None,
    as_json: bool,
) -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with devnet(
            nodes=max(nodes, len(ports), len(kept_rounds)),
            mode=mode,  # type: ignore[arg-type]  # click let one of MODES through
            block_time=block_time,
            idle_seconds=idle_seconds,
            state=state,
            kept_rounds=[kept or None for kept in kept_rounds],
            genesis_seed=genesis_seed,
            ports=ports,
            token=token,
        ) as network:
            _tell(network, token, as_json=as_json)
            signal.sigwait(ends)
    except (DevnetError, OSError) as error:
        click.echo(f"the development network did not start: {error}", err=True)
        sys.exit(1)


def _tell(network: Network, token: str | None, *, as_json: bool) -> None:
    told = network.description()
    if as_json:
        line = json.dumps(told)
    else:
        line = "\n".join(
            [
                *(f"node          {url}" for url in told["nodes"]),
                f"token         {token or f'any, such as {TOKEN[:4]}…'}",
                f"genesis id    {told['genesis_id']}",
                f"genesis hash  {told['genesis_hash']}",
                f"network       {told['caip2']}",
                f"dispenser     {told['dispenser']}",
                f"ready at round {told['round']}; Ctrl-C ends it",
            ]
        )
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
