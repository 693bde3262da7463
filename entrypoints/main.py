"""The ``tallystick`` command.

Each subcommand is a module of ``entrypoints.commands``, imported when it is called: a process
loads what it uses.
"""

from importlib import import_module

import click

#: Name, module, and what it is for; the help is made from this without importing any of them.
COMMANDS = {
    "serve": ("serve", "Serve the HTTP API."),
    "work": ("work", "Carry deployments on; run any number of these."),
    "seal": ("seal", "Seal audit events into a signed log; open one, or go on after a restore."),
    "migrate": ("migrate", "Bring the database to the newest schema."),
    "treasury": (
        "treasury",
        "The accounts that sign and pay: create, list, fund, resume.",
    ),
    "secrets": ("secrets", "Everything secret at rest: which key wraps it, and wrapping it anew."),
    "credits": ("credits", "Give credits, take them away, undo a capture, or look."),
    "tariff": ("tariff", "Change an organisation's tariff."),
    "users": ("users", "Erase a person."),
    "access": ("access", "End all access after a restore; revoke one API key that leaked."),
    "abuse": ("abuse", "Lift what the limits have stopped, or raise one."),
    "verify": ("verify", "Check a file of evidence, or the ledger against every invariant."),
    "audit": ("audit", "Take the audit trail away whole, or ask it what was so at an instant."),
    "anchor": ("anchor", "Put the newest checkpoint of the audit trail on chain."),
    "billing": ("billing", "Put the catalogue up for sale, and compare the books."),
    "report": ("report", "What the operator earns, and how it grows."),
    "rates": ("rates", "Say what coins are worth, for fees in money."),
    "tokens": ("tokens", "Hold issued tokens against what they must be."),
    "operations": ("operations", "End an operation that has begun and will not be finished."),
    "keys": ("keys", "The keys of issuing accounts: list, rotate, move, rekey, disable."),
    "arc76": ("arc76", "Accounts that are derived from a passphrase: tell addresses, rekey."),
    "listen": ("listen", "Print an organisation's events as they happen; forward them."),
    "doctor": ("doctor", "Check configuration, database, nodes and custodian; say what to fix."),
    "config": ("config", "Check the configuration, or show it without its secrets."),
    "demo": ("demo", "The main job, told step by step, on real parts."),
    "devnet": ("devnet", "An Algorand network on this machine, for development."),
}


class Lazy(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"entrypoints.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    envvar="TALLYSTICK_CONFIG",
    help="The TOML file; TALLYSTICK_… variables come before it.",
)
@click.pass_context
def main(ctx: click.Context, config: str | None) -> None:
    """Tallystick: tokens issued exactly once, paid in credits, provable years later."""
    ctx.obj = config


if __name__ == "__main__":
    main()
