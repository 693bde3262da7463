"""What commands share: reading the configuration, opening the store, answering."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from application.ports.chain import ChainUnavailableError, WrongChainError
from domain.errors import Refusal
from domain.identifiers import OperationId, OrganisationId, Prefix, parse_id
from entrypoints.container import Container, build_container
from entrypoints.readiness import database_problem
from entrypoints.settings import Settings, SettingsError, load

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")


def settings(ctx: click.Context) -> Settings:
    """Exits with 2, and every fault of the configuration, where it cannot be used."""
    try:
        return load(Path(ctx.obj) if ctx.obj else None)
    except SettingsError as error:
        tell_faults(ctx, error)


def tell_faults(ctx: click.Context, error: SettingsError) -> NoReturn:
    """Exits with 2."""
    for fault in error.faults:
        click.echo(f"configuration: {fault}", err=True)
    ctx.exit(2)


def examined(config: str | None) -> Container:
    """The house, with every part built that reads the configuration; asks nobody.

    Raises:
        SettingsError: with every fault.
    """
    built = build_container(load(Path(config) if config else None))
    built.store()
    built.wrapping()
    built.custodians()
    return built


@contextmanager
def container(ctx: click.Context) -> Iterator[Container]:
    """The house with its store open.

    Exits with 1 where the database does not answer, is not up to date, or is another
    installation's.
    """
    built = build_container(settings(ctx))
    store = built.store()
    try:
        store.open()
        problem = database_problem(built)
        if problem is not None:
            click.echo(f"the database {problem}", err=True)
            ctx.exit(1)
        yield built
    except SettingsError as error:
        tell_faults(ctx, error)
    finally:
        store.close()


def answer(ctx: click.Context, content: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(content))
        return
    width = max((len(name) for name in content), default=0)
    for name, value in content.items():
        click.echo(f"{name:<{width}}  {value}")
    del ctx


def refuse(ctx: click.Context, refusal: Refusal, *, as_json: bool) -> None:
    """Exits with 1."""
    if as_json:
        click.echo(json.dumps({"code": refusal.code, "detail": refusal.detail}))
    else:
        click.echo(f"refused ({refusal.code}): {refusal.detail}", err=True)
    ctx.exit(1)


def organisation_id(ctx: click.Context, text: str) -> OrganisationId:
    id = parse_id(Prefix.ORGANISATION, text)
    if id is None:
        raise click.BadParameter(f"{text} is no org_… id", ctx=ctx)
    return OrganisationId(id)


def operation_id(ctx: click.Context, text: str) -> OperationId:
    """Of a deployment, or of what is done with a token."""
    id = parse_id(Prefix.OPERATION, text) or parse_id(Prefix.DEPLOYMENT, text)
    if id is None:
        raise click.BadParameter(f"{text} is no op_… or dep_… id", ctx=ctx)
    return OperationId(id)


class bad_news:  # noqa: N801 - read as a word
    """Turns a node that does not answer into a sentence and exit status 1."""

    def __init__(self, ctx: click.Context) -> None:
        self._ctx = ctx

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, ChainUnavailableError | WrongChainError):
            click.echo(f"the node: {error}", err=True)
            self._ctx.exit(1)
