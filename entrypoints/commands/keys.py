"""``tallystick keys``"""

import json
import time
from collections.abc import Sequence

import click

from application.keys.request import KeyWish
from application.ports.storage.paging import LONGEST_PAGE, PageRequest
from application.ports.storage.work import Scope
from domain.account import Account
from domain.errors import Refusal
from domain.identifiers import AccountId, KeyRef, OrganisationId, Prefix, parse_id, public_id
from domain.key_change import KeyAction, KeyChange, KeyChangeState
from domain.network import Family
from entrypoints.commands import setting_up
from entrypoints.container import Container

_LOOK_EVERY_SECONDS = 0.5

organisation = click.option("--organisation", required=True, help="Whose: org_….")
account = click.option("--account", required=True, help="Which of theirs: acct_….")
wait = click.option("--wait", is_flag=True, help="Until it is over; a worker must be at work.")


@click.group("keys", help="The keys of issuing accounts: list, rotate, move, add, rekey, disable.")
def command() -> None: ...


@command.command("list", help="An organisation's accounts, each with all of its keys.")
@organisation
@setting_up.as_json
@click.pass_context
def list_(ctx: click.Context, organisation: str, as_json: bool) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        found = _accounts(container, id)
    _tell(ctx, found, as_json=as_json)


@command.command("show", help="What was done to an account's keys, newest first.")
@organisation
@account
@setting_up.as_json
@click.pass_context
def show(ctx: click.Context, organisation: str, account: str, as_json: bool) -> None:
    owner, id = setting_up.organisation_id(ctx, organisation), _account_id(ctx, account)
    scope = Scope(organisation=owner)
    with setting_up.container(ctx) as container, container.store().begin(scope) as work:
        found = work.key_changes.page(id, PageRequest(limit=LONGEST_PAGE)).items
    changes = [_change(each) for each in found]
    if as_json:
        click.echo(json.dumps(changes))
        return
    for each in changes:
        setting_up.answer(ctx, each, as_json=False)


@command.command("rotate", help="The next key, at the same custodian.")
@organisation
@account
@wait
@setting_up.as_json
@click.pass_context
def rotate(ctx: click.Context, organisation: str, account: str, wait: bool, as_json: bool) -> None:
    wish = KeyWish(account=_account_id(ctx, account), action=KeyAction.ROTATE)
    _ask(ctx, organisation, wish, wait=wait, as_json=as_json)


@command.command("move", help="A key at another custodian.")
@organisation
@account
@click.option("--custodian", required=True, help="Its scheme: vault.")
@wait
@setting_up.as_json
@click.pass_context
def move(
    ctx: click.Context, organisation: str, account: str, custodian: str, wait: bool, as_json: bool
) -> None:
    wish = KeyWish(account=_account_id(ctx, account), action=KeyAction.MOVE, custodian=custodian)
    _ask(ctx, organisation, wish, wait=wait, as_json=as_json)


@command.command("add", help="An address at another custodian, for requests that name it.")
@organisation
@account
@click.option("--custodian", required=True, help="Its scheme: vault.")
@wait
@setting_up.as_json
@click.pass_context
def add(
    ctx: click.Context, organisation: str, account: str, custodian: str, wait: bool, as_json: bool
) -> None:
    wish = KeyWish(account=_account_id(ctx, account), action=KeyAction.ADD, custodian=custodian)
    _ask(ctx, organisation, wish, wait=wait, as_json=as_json)


@command.command("rekey", help="Have what obeys an earlier key obey the account's own.")
@organisation
@account
@wait
@setting_up.as_json
@click.pass_context
def rekey(ctx: click.Context, organisation: str, account: str, wait: bool, as_json: bool) -> None:
    wish = KeyWish(account=_account_id(ctx, account), action=KeyAction.REKEY)
    _ask(ctx, organisation, wish, wait=wait, as_json=as_json)


@command.command("disable", help="A key that signs nothing any more, for ever.")
@organisation
@account
@click.option("--key", required=True, help="Its reference, as `list` tells it.")
@wait
@setting_up.as_json
@click.pass_context
def disable(
    ctx: click.Context, organisation: str, account: str, key: str, wait: bool, as_json: bool
) -> None:
    wish = KeyWish(account=_account_id(ctx, account), action=KeyAction.DISABLE, key=KeyRef(key))
    _ask(ctx, organisation, wish, wait=wait, as_json=as_json)


@command.command("switch", help="Take an account out of use at once, or put it back.")
@organisation
@account
@click.option("--on/--off", "on", required=True, default=None, help="Into use, or out of it.")
@setting_up.as_json
@click.pass_context
def switch(ctx: click.Context, organisation: str, account: str, on: bool, as_json: bool) -> None:
    owner, id = setting_up.organisation_id(ctx, organisation), _account_id(ctx, account)
    with setting_up.container(ctx) as container:
        answer = container.switch_account().by_operator(owner, id, on=on)
    if isinstance(answer, Refusal):
        setting_up.refuse(ctx, answer, as_json=as_json)
        return
    setting_up.answer(ctx, _told(answer), as_json=as_json)


@command.command(
    "give-up",
    help="Where nobody will give an organisation's signing passphrase: have the custodian make "
    "the keys that are still missing.  No passphrase is taken for them from then on.",
)
@organisation
@setting_up.as_json
@click.pass_context
def give_up(ctx: click.Context, organisation: str, as_json: bool) -> None:
    owner = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        answer = container.give_up_passphrase().by_operator(owner)
    if isinstance(answer, Refusal):
        setting_up.refuse(ctx, answer, as_json=as_json)
        return
    _tell(ctx, answer, as_json=as_json)


def _tell(ctx: click.Context, accounts: Sequence[Account], *, as_json: bool) -> None:
    told = [_told(each) for each in accounts]
    if as_json:
        click.echo(json.dumps(told))
        return
    for each in told:
        setting_up.answer(ctx, each, as_json=False)


def _ask(
    ctx: click.Context, organisation: str, wish: KeyWish, *, wait: bool, as_json: bool
) -> None:
    owner = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        change = container.request_key_change().by_operator(owner, wish)
        if isinstance(change, Refusal):
            setting_up.refuse(ctx, change, as_json=as_json)
            return
        while wait and change.state.is_open:
            time.sleep(_LOOK_EVERY_SECONDS)
            with container.store().begin(Scope(organisation=owner)) as work:
                change = work.key_changes.get(change.id) or change
    setting_up.answer(ctx, _change(change), as_json=as_json)
    ctx.exit(change.state is KeyChangeState.FAILED)


def _accounts(container: Container, id: OrganisationId) -> list[Account]:
    with container.store().begin(Scope(organisation=id)) as work:
        found = [
            work.accounts.find(family, live=live) for family in Family for live in (False, True)
        ]
    return [each for each in found if each is not None]


def _account_id(ctx: click.Context, text: str) -> AccountId:
    id = parse_id(Prefix.ACCOUNT, text)
    if id is None:
        raise click.BadParameter(f"{text} is no acct_… id", ctx=ctx)
    return AccountId(id)


def _told(each: Account) -> dict[str, object]:
    return {
        "account": public_id(Prefix.ACCOUNT, each.id),
        "family": each.family.value,
        "live": each.live,
        "state": each.state.value,
        "custodian": each.custodian,
        "origin": each.origin.value,
        "address": each.address,
        "keys": [
            {"key": key.key, "address": key.address, "enabled": key.is_enabled}
            for key in each.keys
        ],
    }


def _change(each: KeyChange) -> dict[str, object]:
    return {
        "change": each.named,
        "account": public_id(Prefix.ACCOUNT, each.account),
        "action": each.action.value,
        "custodian": each.custodian,
        "key": each.key,
        "state": each.state.value,
        "code": each.code,
        "requested_by": each.requested_by,
        "requested_at": each.requested_at.isoformat(),
    }
