"""``tallystick credits``"""

import json

import click

from application.operator.adjust import Adjusted
from application.ports.storage.work import Scope
from domain.audit import timestamp
from domain.errors import Refusal
from domain.identifiers import HoldId, OrganisationId, Prefix, parse_id, public_id
from domain.ledger import Lot, Wallet, expire, fold
from entrypoints.commands import setting_up, statement
from entrypoints.container import Container

_reason = click.option("--reason", required=True, help="Why; kept in the audit trail.")
_reference = click.option(
    "--reference", help="Names what it is for; the same one does nothing a second time."
)


@click.group("credits", help="Give credits, take them away, undo a capture, or look.")
def command() -> None: ...


command.add_command(statement.command)


@command.command("grant", help="Give an organisation AMOUNT credits that do not expire.")
@click.argument("organisation")
@click.argument("amount", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@click.option("--reference", help="Names the fact it is for; the same one grants only once.")
@setting_up.as_json
@click.pass_context
def grant(
    ctx: click.Context,
    organisation: str,
    amount: int,
    reason: str,
    reference: str | None,
    as_json: bool,
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        lot = container.grant_credits()(id, amount, reason, reference)
    if isinstance(lot, Refusal):
        setting_up.refuse(ctx, lot, as_json=as_json)
        return
    given = {"grant": public_id(Prefix.GRANT, lot.id), "credits": lot.amount, "to": organisation}
    setting_up.answer(ctx, given, as_json=as_json)


@command.command(
    "adjust",
    help="Change an organisation's available credits by AMOUNT: -5 takes five away, in burn "
    "order, +5 gives five that do not expire and were not paid for.",
    # A negative number is no option.
    context_settings={"ignore_unknown_options": True},
)
@click.argument("organisation")
@click.argument("amount", type=int)
@_reason
@_reference
@setting_up.as_json
@click.pass_context
def adjust(
    ctx: click.Context,
    organisation: str,
    amount: int,
    reason: str,
    reference: str | None,
    as_json: bool,
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        done = container.adjust_credits()(id, amount, reason, reference)
    _tell(ctx, organisation, done, as_json=as_json)


@command.command(
    "correct",
    help="Undo what HOLD captured: it goes back to the grants it came from; what has expired "
    "lives on for a day.",
)
@click.argument("organisation")
@click.argument("hold")
@click.option(
    "--amount", type=click.IntRange(min=1), help="How many credits; all that it captured."
)
@_reason
@_reference
@setting_up.as_json
@click.pass_context
def correct(
    ctx: click.Context,
    organisation: str,
    hold: str,
    amount: int | None,
    reason: str,
    reference: str | None,
    as_json: bool,
) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    of = parse_id(Prefix.HOLD, hold)
    if of is None:
        raise click.BadParameter(f"{hold} is no hold_… id", ctx=ctx)
    with setting_up.container(ctx) as container:
        done = container.correct_capture()(id, HoldId(of), amount, reason, reference)
    _tell(ctx, organisation, done, as_json=as_json)


@command.command("show", help="What an organisation has: available, held, owed, and its grants.")
@click.argument("organisation")
@setting_up.as_json
@click.pass_context
def show(ctx: click.Context, organisation: str, as_json: bool) -> None:
    id = setting_up.organisation_id(ctx, organisation)
    with setting_up.container(ctx) as container:
        wallet = _wallet(container, id)
    if isinstance(wallet, Refusal):
        setting_up.refuse(ctx, wallet, as_json=as_json)
        return
    lots = sorted((lot for lot in wallet.lots if lot.remaining), key=lambda lot: lot.burn_order)
    told: dict[str, object] = {
        "organisation": organisation,
        "available": wallet.available,
        "held": wallet.held,
        "debt": wallet.debt,
    }
    if as_json:
        click.echo(json.dumps(told | {"grants": [_shown(lot) for lot in lots]}))
        return
    setting_up.answer(ctx, told, as_json=False)
    for lot in lots:
        each = _shown(lot)
        until = each["expires_at"] or "for ever"
        click.echo(f"{each['remaining']:>8} of {each['amount']}  {each['fact']}  until {until}")


def _wallet(container: Container, id: OrganisationId) -> Wallet | Refusal:
    """As the next command would find it: what has expired by now is gone."""
    with container.store().begin(Scope(organisation=id)) as work:
        if work.organisations.get() is None:
            name = public_id(Prefix.ORGANISATION, id)
            return Refusal(code="not_found", detail=f"there is no organisation {name}")
        now = container.clock().now()
        wallet: Wallet = work.ledger.balance(now)
    for event in expire(wallet, now):
        wallet = fold(wallet, event)
    return wallet


def _shown(lot: Lot) -> dict[str, object]:
    return {
        "grant": public_id(Prefix.GRANT, lot.id),
        "source": lot.source.value,
        "fact": lot.fact,
        "amount": lot.amount,
        "remaining": lot.remaining,
        "expires_at": None if lot.over_at is None else timestamp(lot.over_at),
    }


def _tell(
    ctx: click.Context, organisation: str, done: Adjusted | Refusal, *, as_json: bool
) -> None:
    if isinstance(done, Refusal):
        setting_up.refuse(ctx, done, as_json=as_json)
        return
    told: dict[str, object] = {
        "organisation": organisation,
        "changed_by": done.amount,
        "available": done.available,
        "held": done.held,
        "debt": done.debt,
    }
    setting_up.answer(ctx, told, as_json=as_json)
