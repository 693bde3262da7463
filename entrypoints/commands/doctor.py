"""``tallystick doctor``"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from attrs import asdict, frozen

from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from application.ports.storage.work import Scope, StoreUnavailableError
from entrypoints.commands import setting_up
from entrypoints.container import Container, build_container
from entrypoints.readiness import custodian_problem, database_problem
from entrypoints.settings import SettingsError, load


@frozen(kw_only=True)
class Finding:
    what: str
    #: None: it is well.
    problem: str | None
    remedy: str = ""


@click.command("doctor", help="Check everything a deployment needs, and say what to fix.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    findings = list(_examine(ctx.obj))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = "ok  " if finding.problem is None else "FAIL"
            click.echo(
                f"{mark}  {finding.what}" + (f": {finding.problem}" if finding.problem else "")
            )
            if finding.problem and finding.remedy:
                click.echo(f"      {finding.remedy}")
    sys.exit(1 if any(finding.problem for finding in findings) else 0)


def _examine(config: str | None) -> Iterator[Finding]:
    try:
        settings = load(Path(config) if config else None, os.environ)
        container = build_container(settings)
        store = container.store()
        container.wrapping()
        container.custodians()
    except SettingsError as error:
        for fault in error.faults:
            yield Finding(what="configuration", problem=fault)
        return
    yield Finding(what="configuration", problem=None)
    try:
        store.open()
        problem = database_problem(container)
        yield Finding(
            what="database", problem=problem, remedy="start it, or run `tallystick migrate`"
        )
        if problem is None:
            yield Finding(
                what=f"custodian {settings.custodian}",
                problem=custodian_problem(container),
                remedy="give this process the master key that the secrets were wrapped with",
            )
        for chain in container.chains().values():
            yield from _network(container, chain, has_store=problem is None)
    finally:
        store.close()


def _network(container: Container, chain: Chain, *, has_store: bool) -> Iterator[Finding]:
    name = f"network {chain.network.id}"
    try:
        head = chain.head()
    except (ChainUnavailableError, WrongChainError) as error:
        yield Finding(what=name, problem=str(error), remedy="check [networks] nodes")
        return
    yield Finding(what=f"{name} at block {head.latest.number}", problem=None)
    if not has_store:
        return
    try:
        with container.store().begin(Scope.installation()) as work:
            halted = work.networks.status(chain.network.id).halted
            signers = work.signers.of_network(chain.network.id)
        balances = [chain.signer_state(signer.address).balance for signer in signers]
    except (StoreUnavailableError, ChainUnavailableError, WrongChainError) as error:
        yield Finding(what=f"{name}: treasury", problem=str(error))
        return
    resume = f"look, then `tallystick treasury resume --network {chain.network.id} --reason …`"
    yield Finding(what=f"{name}: not halted", problem=halted, remedy=resume)
    if not signers:
        create = f"`tallystick treasury create --network {chain.network.id}`"
        yield Finding(what=f"{name}: treasury", problem="there is none", remedy=create)
    for signer, balance in zip(signers, balances, strict=True):
        yield Finding(
            what=f"{name}: signer {signer.address}", problem=signer.halted, remedy=resume
        )
        empty = None if balance else "its balance is zero"
        yield Finding(
            what=f"{name}: treasury {signer.address}",
            problem=empty,
            remedy=f"send {chain.network.native_currency} to {signer.address}",
        )
