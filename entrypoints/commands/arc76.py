"""``tallystick arc76``"""

import sys

import click

from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.arc76 import derive
from domain.errors import Refusal
from entrypoints import assembly
from entrypoints.commands import setting_up
from entrypoints.handing_over import handed_over


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
    secret = _secret(ctx, email, slot, as_json=as_json)
    if secret is None:
        return
    try:
        addresses = assembly.addresses_of(secret)
    finally:
        secret[:] = bytes(len(secret))
    told = {"email": email, "slot": slot, **addresses}
    setting_up.answer(ctx, told, as_json=as_json)


@command.command(
    "rekey",
    help="Have the Algorand account obey another key, on the network of --node: signs the "
    "transaction here and prints it as JSON.  The passphrase, on standard input, goes nowhere.",
)
@click.option("--email", default="", help="Byte for byte as it was; without it, none.")
@click.option(
    "--slot", default=0, type=click.IntRange(min=0), help="Which account of theirs; 0 if not said."
)
@click.option("--to", "ruler", required=True, help="Address of the key that is to sign for it.")
@click.option("--node", required=True, help="URL of an algod node: it says what is to be signed.")
@click.option("--node-token", default=None, envvar="TALLYSTICK_NODE_TOKEN", help="Of that node.")
@click.option("--submit", is_flag=True, help="Send it, too; otherwise nothing is sent.")
@click.pass_context
def rekey(
    ctx: click.Context,
    email: str,
    slot: int,
    ruler: str,
    node: str,
    node_token: str | None,
    submit: bool,
) -> None:
    """Needs no configuration; the node is told the address, and what is signed if it is sent."""
    if ruler.lower().startswith("0x"):
        detail = "on EVM networks an address is its key: move what it holds to another one"
        setting_up.refuse(ctx, Refusal(code="rekey_not_offered", detail=detail), as_json=True)
        return
    secret = _secret(ctx, email, slot, as_json=True)
    if secret is None:
        return
    try:
        answer = handed_over(secret, ruler, Endpoint(url=node, token=node_token), submits=submit)
    except (ValueError, ChainUnavailableError) as error:
        answer = Refusal(code="node_unavailable", detail=str(error))
    finally:
        secret[:] = bytes(len(secret))
    if isinstance(answer, Refusal):
        setting_up.refuse(ctx, answer, as_json=True)
        return
    setting_up.answer(ctx, answer, as_json=True)


def _secret(ctx: click.Context, email: str, slot: int, *, as_json: bool) -> bytearray | None:
    """What the passphrase derives; None, once it was said that it cannot be used."""
    try:
        return derive(email, _passphrase(), slot)
    except ValueError as error:
        # Not the error of a decoder, which shows what it could not read.
        detail = str(error) if type(error) is ValueError else "the passphrase is not UTF-8"
        refusal = Refusal(code="passphrase_unusable", detail=detail)
        setting_up.refuse(ctx, refusal, as_json=as_json)
        return None


def _passphrase() -> str:
    """What is typed, without being shown; or all that is piped in, less a newline at its end."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Passphrase", hide_input=True, err=True)
        return typed
    return sys.stdin.buffer.read().removesuffix(b"\n").decode()
