"""``tallystick users``"""

import click

from application.access.register import canonical_email
from domain.audit import timestamp
from domain.errors import Refusal
from domain.identifiers import Prefix, UserId, parse_id, public_id
from entrypoints.commands import setting_up
from entrypoints.container import Container


@click.group("users", help="People who log in.")
def command() -> None: ...


@command.command(
    "erase",
    help="Erase WHO (an address, or a usr_… id), for good: destroy the key under which the audit "
    "trail keeps their address and where they came from, forget address and password, end their "
    "sessions and the API keys they made.  May be repeated, with the id.",
)
@click.argument("who")
@click.option(
    "--reason",
    required=True,
    help="Why; kept in the audit trail, in clear: it must not name them.",
)
@setting_up.as_json
@click.pass_context
def erase(ctx: click.Context, who: str, reason: str, as_json: bool) -> None:
    with setting_up.container(ctx) as container:
        user = _user(container, who)
        if user is None:
            refusal = Refusal(code="not_found", detail="there is no user of that address or id")
            setting_up.refuse(ctx, refusal, as_json=as_json)
            return
        # The address is gone with the first transaction: only the id leads back to the rest.
        name = public_id(Prefix.USER, user)
        click.echo(f"erasing {name}; should this be interrupted, repeat it with that id", err=True)
        done = container.erase_subject()(user, reason)
    if isinstance(done, Refusal):
        setting_up.refuse(ctx, done, as_json=as_json)
        return
    told = {
        "user": public_id(Prefix.USER, done.user),
        "erased_at": timestamp(done.at),
        "sessions_ended": done.sessions,
        "api_keys_revoked": done.api_keys,
        "was_erased_before": done.is_repeated,
    }
    setting_up.answer(ctx, told, as_json=as_json)


def _user(container: Container, who: str) -> UserId | None:
    id = parse_id(Prefix.USER, who)
    if id is not None:
        return UserId(id)
    return container.erase_subject().find(canonical_email(who))
