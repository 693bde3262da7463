"""``tallystick billing``"""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from application.ports.payments import PaymentsRefusedError, PaymentsUnavailableError
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.container import Container


@click.group("billing", help="Put the catalogue up for sale, and compare the books.")
def command() -> None: ...


@command.command("publish", help="Have the catalogue's tariffs and packs for sale at Stripe.")
@setting_up.as_json
@click.pass_context
def publish(ctx: click.Context, as_json: bool) -> None:
    """May be repeated: what is there at its price stays as it is."""
    with _taking_money(ctx) as container:
        published = container.publish_catalogue()()
    if as_json:
        items = [
            {
                "key": item.key,
                "amount_minor": item.amount_minor,
                "currency": item.currency,
                "is_recurring": item.is_recurring,
                "is_new": is_new,
            }
            for item, is_new in published
        ]
        setting_up.answer(ctx, {"items": items}, as_json=True)
        return
    for item, is_new in published:
        state = "published" if is_new else "as it was"
        click.echo(f"{item.key}: {item.amount_minor} {item.currency}, {state}")


@command.command("reconcile", help="Compare Stripe's books with ours; give what was not given.")
@setting_up.as_json
@click.pass_context
def reconcile(ctx: click.Context, as_json: bool) -> None:
    """Exits with 1 where something was granted that Stripe does not know as paid, or where
    something could not be settled.
    """
    with _taking_money(ctx) as container:
        compared = container.reconcile()()
    unpaid = [
        {"organisation": public_id(Prefix.ORGANISATION, organisation), "fact": fact}
        for organisation, fact in compared.unpaid
    ]
    answer = {
        "events": compared.events,
        "payments": compared.payments,
        "unpaid": unpaid,
        "unsettled": compared.unsettled,
    }
    setting_up.answer(ctx, answer, as_json=as_json)
    if unpaid or compared.unsettled:
        ctx.exit(1)


@contextmanager
def _taking_money(ctx: click.Context) -> Iterator[Container]:
    """Exits with 2 where no money is taken, with 1 where Stripe does not do what is asked."""
    with setting_up.container(ctx) as container:
        if container.settings().stripe is None:
            click.echo("configuration: TALLYSTICK_STRIPE_SECRET_KEY is missing", err=True)
            ctx.exit(2)
        try:
            yield container
        except (PaymentsRefusedError, PaymentsUnavailableError) as error:
            click.echo(f"Stripe: {error}", err=True)
            ctx.exit(1)
