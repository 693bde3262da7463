"""``tallystick work``"""

import click

from entrypoints.commands import setting_up
from entrypoints.commands.observing import observed
from entrypoints.container import build_container
from entrypoints.settings import SettingsError
from entrypoints.worker.process import WrongDatabaseError, run


@click.command("work", help="Carry deployments on until told to stop (SIGTERM, SIGINT).")
@click.pass_context
def command(ctx: click.Context) -> None:
    container = build_container(setting_up.settings(ctx))
    with observed(container, "work"):
        try:
            run(container, started=lambda: click.echo("the worker is at work", err=True))
        except SettingsError as error:
            setting_up.tell_faults(ctx, error)
        except WrongDatabaseError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)
