"""``tallystick arc76``"""

import sys

import click

from domain.arc76 import derive
from domain.errors import Refusal
from entrypoints import assembly
from entrypoints.commands import setting_up


@click.group("arc76", help="Accounts that are derived from a passphrase (ARC-76).")
def command() -> None: ...


@command.command("address", help="The addresses of an account; its passphrase on standard input.")
@click.option("--email", default="", help="Byte for byte as it was; without it, none.")
@click.option(
    "--slot", default=0, type=click.IntRange(min=0), help="Which account of theirs; 0 if not said."
)
@setting_up.as_json
@click.pass_context
def address(ctx: click.Context, email: str, slot: int, as_json: bool) -> None:
    """Needs no configuration, and tells nobody."""
    try:
        secret = derive(email, _passphrase(), slot)
    except ValueError as error:
        # Not the error of a decoder, which shows what it could not read.
        detail = str(error) if type(error) is ValueError else "the passphrase is not UTF-8"
        refusal = Refusal(code="passphrase_unusable", detail=detail)
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return
    try:
        addresses = assembly.addresses_of(secret)
    finally:
        secret[:] = bytes(len(secret))
    told = {"email": email, "slot": slot, **addresses}
    setting_up.answer(ctx, told, as_json=as_json)


def _passphrase() -> str:
    """What is typed, without being shown; or all that is piped in, less a newline at its end."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Passphrase", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.read().removesuffix(b"\n").decode()
