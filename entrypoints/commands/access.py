"""``tallystick access``"""

import click

from domain.errors import Refusal
from entrypoints.commands import setting_up

_QUESTION = (
    "Everybody is logged out, every letter's link is dead, and each API key waits until a member "
    "enables it.  This cannot be undone.  Go on?"
)


@click.group("access", help="What lets people and programs in, of all organisations.")
def command() -> None: ...


@command.command(
    "end-all",
    help="End every session, link in a letter and sign-in under way; each API key waits until a "
    "member of its organisation enables it.  Part of every restore.",
)
@click.option("--reason", required=True, help="Why; kept in the installation's audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@setting_up.as_json
@click.pass_context
def end_all(ctx: click.Context, reason: str, yes: bool, as_json: bool) -> None:
    if not yes:
        click.confirm(_QUESTION, abort=True, err=True)
    with setting_up.container(ctx) as container:
        epoch = container.end_all_access()(reason)
    if isinstance(epoch, Refusal):
        setting_up.refuse(ctx, epoch, as_json=as_json)
        return
    setting_up.answer(ctx, {"auth_epoch": epoch}, as_json=as_json)
