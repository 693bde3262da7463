"""``tallystick doctor``"""

import json
import sys
from collections.abc import Iterator, Mapping

import click

from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from application.ports.custody import (
    Custodian,
    CustodyRefusedError,
    CustodyUnavailableError,
)
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.network import Network
from domain.operation import Signer
from entrypoints import assembly
from entrypoints.commands import setting_up
from entrypoints.container import Container
from entrypoints.diagnosis import Examination, Finding, Grade
from entrypoints.mail_settings import MailSettings
from entrypoints.network_settings import NetworkSettings
from entrypoints.readiness import (
    REMEDY_OF_CLOCK,
    REMEDY_OF_TARIFFS,
    clock_problem,
    custodian_problem,
    database_problem,
    number_of,
    tariffs_not_sold,
)
from entrypoints.settings import SettingsError

_MARKS = {Grade.OK: "ok  ", Grade.WARNING: "WARN", Grade.FAILED: "FAIL"}


@click.command("doctor", help="Check everything a deployment needs, and say what to fix.")
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    findings = list(_examine(ctx.obj))
    if as_json:
        click.echo(json.dumps([_told(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            problem = f": {finding.problem}" if finding.problem else ""
            click.echo(f"{_MARKS[finding.grade]}  {finding.what}{problem}")
            if finding.problem and finding.remedy:
                click.echo(f"      {finding.remedy}")
    sys.exit(1 if any(finding.grade is Grade.FAILED for finding in findings) else 0)


def _told(finding: Finding) -> dict[str, str | None]:
    return {
        "what": finding.what,
        "grade": finding.grade.value,
        "problem": finding.problem,
        "remedy": finding.remedy if finding.problem else "",
    }


def _examine(config: str | None) -> Iterator[Finding]:
    try:
        container = setting_up.examined(config)
    except SettingsError as error:
        for fault in error.faults:
            yield Finding(what="configuration", problem=fault)
        return
    yield Finding(what="configuration")
    store, settings = container.store(), container.settings()
    yield mail(settings.mail)
    yield from telemetry(container)
    try:
        store.open()
        problem = database_problem(container)
        yield Finding(
            what="database", problem=problem, remedy="start it, or run `tallystick migrate`"
        )
        if problem is None:
            yield Finding(
                what="master key",
                problem=custodian_problem(container),
                remedy="give this process the master key that the secrets were wrapped with",
            )
            yield clock(container)
            yield from custody(container.custodians())
            yield from _tariffs(container)
            yield from _sealing(container)
        for entry in settings.networks:
            yield from _network(container, entry, has_store=problem is None)
    finally:
        store.close()


def telemetry(container: Container) -> Iterator[Finding]:
    """Whether figures of the queues can be read, and traces leave; nothing where nobody asks."""
    settings = container.settings()
    chosen = settings.telemetry
    figures = assembly.figures(settings)
    if figures is not None:
        problem = None
        try:
            # The database was not asked yet, and might not answer.
            figures.read(container.machine_clock().now())
        except StoreUnavailableError as error:
            problem = str(error)
        finally:
            figures.close()
        yield Finding(
            what="figures of the queues",
            problem=problem,
            remedy="let [metrics] database_url name a member of tallystick_metrics: "
            "docs/telemetry.md",
            is_warning=True,
        )
    if chosen.traces.endpoint is not None:
        is_reached = assembly.is_collector_reached(settings)
        yield Finding(
            what=f"collector {chosen.traces.endpoint}",
            problem=None if is_reached else "it takes no traces from us",
            remedy="look at [traces] endpoint, which has a path, and headers",
            is_warning=True,
        )


def mail(chosen: MailSettings) -> Finding:
    """Whether people can come in; asks nobody."""
    is_missing = chosen.verifies and not chosen.is_there
    return Finding(
        what="mail",
        problem="nobody can register, and no password can be reset" if is_missing else None,
        remedy="set [mail] url and from: docs/mail.md",
        is_warning=True,
    )


def clock(container: Container) -> Finding:
    """Whether what only this machine's clock judges is judged well."""
    try:
        problem = clock_problem(container)
    except StoreUnavailableError as error:
        problem = str(error)
    return Finding(what="clock", problem=problem, remedy=REMEDY_OF_CLOCK)


def custody(custodians: Mapping[str, Custodian]) -> Iterator[Finding]:
    """Whether keys can be made and signed with, found out by doing so."""
    for scheme, custodian in custodians.items():
        what = f"custodian {scheme}"
        try:
            lacks = custodian.lacks()
        except (CustodyRefusedError, CustodyUnavailableError) as error:
            yield Finding(what=what, problem=str(error), remedy="see that it runs, and where")
            continue
        yield (
            Finding(what=what)
            if not lacks
            else Finding(
                what=what,
                problem="; ".join(lacks),
                remedy="grant it to whatever this process logs in with: docs/custody.md",
            )
        )


def _tariffs(container: Container) -> Iterator[Finding]:
    what = f"catalogue {container.settings().catalogue.name}"
    try:
        missing = tariffs_not_sold(container)
    except StoreUnavailableError as error:
        yield Finding(what=what, problem=str(error))
        return
    yield Finding(what=what)
    for name, organisations in missing.items():
        yield Finding(
            what=f"{what}: tariff {name}",
            problem=number_of(organisations),
            remedy=REMEDY_OF_TARIFFS,
        )


def _sealing(container: Container) -> Iterator[Finding]:
    what, settings = "sealing", container.settings().seal
    try:
        found = container.watch_seals().look()
    except StoreUnavailableError as error:
        yield Finding(what=what, problem=str(error))
        return
    if found is None:
        opens = "docs/sealing.md; then `tallystick seal open --reason …` and `tallystick seal`"
        problem = "there is no open log: nothing proves that events were not changed"
        yield Finding(what=what, problem=problem, remedy=opens, is_warning=True)
    else:
        now = container.clock().now()
        problems = filter(None, (found.lag(now), found.age(now)))
        yield Finding(
            what=f"{what}: {found.signed_size} events signed for in {found.log.origin}",
            problem="; ".join(problems) or None,
            remedy="see that `tallystick seal` runs, and what it says; docs/alarms.md",
            is_warning=True,
        )
    if settings is not None:
        folder = settings.state_file.absolute().parent
        yield Finding(
            what=f"{what}: state file {settings.state_file}",
            problem=None if folder.is_dir() else f"there is no folder {folder}",
            remedy="make the folder, on a disk that is kept and is not the database's",
        )


def _network(
    container: Container, entry: NetworkSettings, *, has_store: bool
) -> Iterator[Finding]:
    network = entry.network
    try:
        nodes = assembly.nodes(container.settings(), entry, container.metadata())
    except SettingsError as error:
        yield Finding(what=f"network {network.id}", problem=str(error))
        return
    if not assembly.has_documents(container.metadata(), network):
        yield Finding(
            what=f"network {network.id}: documents",
            problem="kinds that point at one are not offered: it would not be at https://",
            remedy="set [metadata] url, or [http] base_url",
            is_warning=True,
        )
    examination = Examination.of(network, nodes)
    yield from examination.findings()
    if has_store:
        yield from _account(container, network, examination.usable)


def _account(container: Container, network: Network, chain: Chain | None) -> Iterator[Finding]:
    """Whether the network may be signed for, and by whom; *chain* says who can pay."""
    name = f"network {network.id}"
    try:
        with container.store().begin(Scope.installation()) as work:
            halted = work.networks.status(network.id).halted
            signers = work.signers.treasury(network.id)
            everybody = work.signers.of_network(network.id)
    except StoreUnavailableError as error:
        yield Finding(what=f"{name}: treasury", problem=str(error))
        return
    resume = f"look, then `tallystick treasury resume --network {network.id} --reason …`"
    yield Finding(what=f"{name}: not halted", problem=halted, remedy=resume)
    if not signers:
        create = f"`tallystick treasury create --network {network.id}`"
        yield Finding(what=f"{name}: treasury", problem="there is none", remedy=create)
    for signer in signers:
        yield Finding(
            what=f"{name}: signer {signer.address}", problem=signer.halted, remedy=resume
        )
        if chain is not None:
            yield _balance(chain, signer)
    for issuer in everybody:
        if issuer.halted is not None and not issuer.is_treasury:
            what = f"{name}: issuing account {issuer.address}"
            yield Finding(what=what, problem=issuer.halted, remedy=resume)


def _balance(chain: Chain, signer: Signer) -> Finding:
    what = f"network {chain.network.id}: treasury {signer.address}"
    try:
        balance = chain.signer_state(signer.address).balance
    except (ChainUnavailableError, WrongChainError) as error:
        return Finding(what=what, problem=str(error))
    return Finding(
        what=what,
        problem=None if balance else "its balance is zero",
        remedy=f"send {chain.network.native_currency} to {signer.address}",
    )
