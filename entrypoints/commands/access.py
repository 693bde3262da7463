"""``tallystick access``"""

import sys

import click

from application.access.authenticate import KEY_PREFIX
from domain.audit import timestamp
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, Prefix, parse_id, public_id
from entrypoints.commands import setting_up

_QUESTION = (
    "Everybody is logged out, every letter's link is dead, and each API key waits until a member "
    "enables it.  This cannot be undone.  Go on?"
)
#: Far more than a key has.
_LONGEST_KEY = 1_000


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


@command.command(
    "revoke-key",
    help="Revoke one API key at once, and for good: KEY (key_…), or, without it, the key itself, "
    "read from standard input, where nothing keeps it.",
)
@click.argument("key", required=False)
@click.option("--reason", required=True, help="Why; kept in its organisation's audit trail.")
@setting_up.as_json
@click.pass_context
def revoke_key(ctx: click.Context, key: str | None, reason: str, as_json: bool) -> None:
    id = _key_id(ctx, key)
    text = _leaked_key() if id is None else ""
    with setting_up.container(ctx) as container:
        revoke = container.revoke_leaked_key()
        done = revoke.by_text(text, reason) if id is None else revoke.by_id(id, reason)
    if isinstance(done, Refusal):
        setting_up.refuse(ctx, done, as_json=as_json)
        return
    used, at = done.key.last_used_at, done.key.revoked_at
    told = {
        "key": public_id(Prefix.API_KEY, done.key.id),
        "organisation": public_id(Prefix.ORGANISATION, done.key.organisation),
        "name": done.key.name,
        "live": done.key.live,
        "last_used_at": None if used is None else timestamp(used),
        "revoked_at": None if at is None else timestamp(at),
        "was_revoked_before": done.is_repeated,
    }
    setting_up.answer(ctx, told, as_json=as_json)


def _key_id(ctx: click.Context, text: str | None) -> ApiKeyId | None:
    """None: the key comes on standard input."""
    if text is None:
        return None
    id = parse_id(Prefix.API_KEY, text)
    if id is None:
        # Not shown: it may be a secret that somebody has typed.
        is_secret = text.startswith(f"{KEY_PREFIX}_")
        what = "a key's secret is read from standard input" if is_secret else "this is no key_… id"
        raise click.BadParameter(what, ctx=ctx)
    return ApiKeyId(id)


def _leaked_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("The leaked key", hide_input=True, err=True)).strip()
    return sys.stdin.read(_LONGEST_KEY).strip()
