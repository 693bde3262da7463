"""``tallystick tokens``"""

import json
import sys
from collections.abc import Iterator
from uuid import UUID

import click

from application.ports.storage.work import Scope, StoreUnavailableError
from application.tokens.watch import Look, Verdict
from domain.identifiers import OperationId, OrganisationId, Prefix, parse_id, public_id
from entrypoints.commands import setting_up
from entrypoints.container import Container

_PAGE = 100
_MARKS = {Verdict.AGREES: "ok     ", Verdict.DIFFERS: "DIFFERS", Verdict.UNKNOWN: "unknown"}
#: Before every id there is.
_NIL = UUID(int=0)


@click.group("tokens", help="Issued tokens, held against what they must be.")
def command() -> None: ...


@command.command(
    "check",
    help="Look at issued tokens now: all of them, an ORGANISATION's, or one TOKEN.  Exit status 1 "
    "if one differs from its plan, or cannot be seen.",
)
@click.argument("organisation", required=False)
@click.argument("token", required=False)
@setting_up.as_json
@click.pass_context
def check(ctx: click.Context, organisation: str | None, token: str | None, as_json: bool) -> None:
    of = setting_up.organisation_id(ctx, organisation) if organisation else None
    one = _token_id(ctx, token) if token else None
    looks = []
    with setting_up.container(ctx) as container:
        try:
            for look in _looks(container, of, one):
                looks.append(look)
                if not as_json:
                    _tell(look)
        except StoreUnavailableError as error:
            click.echo(f"the database: {error}", err=True)
            ctx.exit(1)
    if as_json:
        click.echo(json.dumps([_shown(look) for look in looks], ensure_ascii=False))
    else:
        click.echo(_summary(looks))
    sys.exit(any(look.verdict is not Verdict.AGREES for look in looks))


def _looks(
    container: Container, of: OrganisationId | None, one: OperationId | None
) -> Iterator[Look]:
    forgotten, check_token = container.watch_forgotten(), container.watch_tokens().check
    while forgotten():
        pass
    if of is not None and one is not None:
        yield check_token(of, one)
        return
    after = None if of is None else (of, OperationId(_NIL))
    while True:
        with container.store().begin(Scope()) as work:
            page = work.token_watches.all(after, _PAGE)
        for organisation, id in page:
            if of not in {None, organisation}:
                return
            yield check_token(organisation, id)
        if len(page) < _PAGE:
            return
        after = page[-1]


def _tell(look: Look) -> None:
    names = " ".join(_names(look))
    click.echo(f"{_MARKS[look.verdict]}  {names}{f': {look.problem}' if look.problem else ''}")
    for difference in look.differences:
        click.echo(f"         {difference}")


def _summary(looks: list[Look]) -> str:
    def number(verdict: Verdict) -> int:
        return sum(look.verdict is verdict for look in looks)

    told = [f"{number(verdict)} {words}" for verdict, words in (
        (Verdict.AGREES, "as planned"),
        (Verdict.DIFFERS, "different"),
        (Verdict.UNKNOWN, "unknown"),
    )]  # fmt: skip
    return ", ".join(told)


def _shown(look: Look) -> dict[str, object]:
    organisation, token = _names(look)
    return {
        "organisation": organisation,
        "token": token,
        "verdict": look.verdict.value,
        "differences": list(look.differences),
        "problem": look.problem,
    }


def _names(look: Look) -> tuple[str, str]:
    return (
        public_id(Prefix.ORGANISATION, look.organisation),
        public_id(Prefix.TOKEN, look.deployment),
    )


def _token_id(ctx: click.Context, text: str) -> OperationId:
    id = parse_id(Prefix.TOKEN, text)
    if id is None:
        raise click.BadParameter(f"{text} is no tok_… id", ctx=ctx)
    return OperationId(id)
