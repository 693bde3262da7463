"""``tallystick secrets``: what is wrapped at rest, and wrapping it anew."""

import json

import click

from application.operator.rewrap import Progress
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.storage.work import Scope, StoreUnavailableError
from entrypoints.commands import setting_up


@click.group("secrets", help="Everything secret at rest, and the key that wraps it.")
def command() -> None: ...


@command.command("status", help="Which key wraps now, and how much is wrapped by others.")
@setting_up.as_json
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    with setting_up.container(ctx) as container:
        try:
            current = container.wrapping().current()
        except (CustodyRefusedError, CustodyUnavailableError) as error:
            raise click.ClickException(str(error)) from error
        with container.store().begin(Scope()) as work:
            left = work.wrapped.count_by_others(current)
    setting_up.answer(ctx, {"current": current, "wrapped_by_others": left}, as_json=as_json)


@command.command(
    "rewrap",
    help="Wrap all of it anew, by the key that wraps now.  May be stopped and begun again at any "
    "moment, and runs beside everything else.  Exit status 1 while something is left.",
)
@setting_up.as_json
@click.pass_context
def rewrap(ctx: click.Context, as_json: bool) -> None:
    def told(progress: Progress) -> None:
        if not as_json:
            click.echo(f"{progress.done} done, {progress.left} left", err=True)

    with setting_up.container(ctx) as container:
        try:
            progress = container.rewrap()(told)
        except (CustodyRefusedError, CustodyUnavailableError, StoreUnavailableError) as error:
            raise click.ClickException(f"{error}; run it again to go on") from error
    _answer(ctx, progress, as_json=as_json)
    if progress.left:
        ctx.exit(1)


def _answer(ctx: click.Context, progress: Progress, *, as_json: bool) -> None:
    problems = [
        {"sort": place.sort.name.lower(), "name": place.name, "problem": problem}
        for place, problem in progress.problems
    ]
    told = {"current": progress.current, "done": progress.done, "left": progress.left}
    if as_json:
        click.echo(json.dumps({**told, "problems": problems}))
        return
    setting_up.answer(ctx, told, as_json=False)
    for each in problems:
        click.echo(f"{each['sort']} {each['name']}: {each['problem']}", err=True)
