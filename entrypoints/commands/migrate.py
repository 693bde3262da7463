"""``tallystick migrate``"""

import click

from application.ports.storage.work import Scope, StoreUnavailableError
from entrypoints import assembly
from entrypoints.commands import setting_up
from entrypoints.settings import SettingsError


@click.command("migrate", help="Bring the database to the newest schema; forward only.")
@click.option(
    "--create-login",
    is_flag=True,
    help="Also make the roles that application and sealer log in with, as the configuration "
    "names them.",
)
@setting_up.as_json
@click.pass_context
def command(ctx: click.Context, create_login: bool, as_json: bool) -> None:
    settings = setting_up.settings(ctx)
    try:
        applied = assembly.migrate(settings, creates_logins=create_login)
        with setting_up.container(ctx) as container:
            for entry in settings.networks:
                with container.store().begin(Scope.installation()) as work:
                    work.networks.register(entry.network)
    except SettingsError as error:
        for fault in error.faults:
            click.echo(f"the database: {fault}", err=True)
        ctx.exit(1)
    except StoreUnavailableError as error:
        click.echo(f"the database does not answer: {error}", err=True)
        ctx.exit(1)
    told = {
        "applied": applied if as_json else ", ".join(applied) or "nothing: it was up to date",
        "networks": len(settings.networks),
    }
    setting_up.answer(ctx, told, as_json=as_json)
