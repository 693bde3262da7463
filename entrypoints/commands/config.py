"""``tallystick config``"""

import json
from collections.abc import Iterator, Mapping

import click

from entrypoints.commands import setting_up
from entrypoints.settings import Settings, SettingsError


@click.group("config", help="Check the configuration, or show it without its secrets.")
def command() -> None: ...


@command.command("check", help="Say all that is wrong with the configuration.  Asks nobody.")
@setting_up.as_json
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    try:
        setting_up.examined(ctx.obj)
    except SettingsError as error:
        if not as_json:
            setting_up.tell_faults(ctx, error)
        click.echo(json.dumps({"usable": False, "faults": error.faults}, ensure_ascii=False))
        ctx.exit(2)
    if as_json:
        click.echo(json.dumps({"usable": True, "faults": []}))
    else:
        click.echo("the configuration can be used; `tallystick doctor` asks whether it works")


@command.command("print", help="Show the configuration that counts, without its secrets.")
@setting_up.as_json
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    settings = setting_up.settings(ctx)
    if as_json:
        click.echo(json.dumps(settings.redacted(), ensure_ascii=False))
        return
    for line in _lines(settings):
        click.echo(line)


def _lines(settings: Settings) -> Iterator[str]:
    """As the file would say it; of a network's keys also where each comes from."""
    for section, keys in settings.redacted().items():
        if section == "networks":
            continue
        yield f"[{section}]"
        yield from (f"{key} = {_word(value)}" for key, value in keys.items() if value is not None)
    for entry in settings.networks:
        yield f'[networks."{entry.network.id}"]'
        yield from (
            f"{key} = {_word(told['value'])}  # {told['from']}"
            for key, told in entry.redacted().items()
        )


def _word(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_word(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_word(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
