"""Money comes and goes at a loopback Stripe, on the whole product, and every credit is where it
must be.  What each figure is was worked out by hand, from the catalogue that is shipped:

free 25 · starter 99.00 USD, 250 · professional 499.00 USD, 2,500
small pack 29.00 USD, 500 · large pack 2,000 · deployment 5 · report 2 · premium call 3
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from attrs import frozen

from entrypoints.demo.parts import EVM, Parts, running
from entrypoints.devnet.anvil import call
from entrypoints.devnet.stripe import stripe_loopback
from tallystick_client import Credits, RefusedError
from tests.whole.processes import ONE_TOKEN
from tests.whole.till import Person, Server, Stripe

HOUR, DAY = 3_600, 86_400
#: How long before everything else Bob subscribes.
BEFORE = 20 * DAY
#: What our endpoint is told of a pack that was paid for.
OF_A_PACK = ("checkout.session.completed", "charge.updated")
#: Micros of a dollar that one credit cost.
OF_SMALL, OF_STARTER = 58_000, 396_000


@frozen
class World:
    parts: Parts
    stripe: Stripe
    #: Takes webhooks, and may be killed; people ask another one.
    server: Server
    _ends: ExitStack

    def person(self, name: str) -> Person:
        made = Person(parts=self.parts, stripe=self.stripe, name=name)
        return self._ends.enter_context(closing(made))

    def deliver(self) -> None:
        """What is due now; each is answered before this returns."""
        self.stripe.control("deliver")


@pytest.fixture
def world() -> Iterator[World]:
    with (
        stripe_loopback(now=int(time.time()) - BEFORE) as loopback,
        running(request_limit=100_000, stripe=loopback.url) as parts,
        psycopg.connect(parts.database, autocommit=True) as connection,
    ):
        # A worker compares the books when it starts: let there be nothing to repair yet.
        until(lambda: connection.execute(b"SELECT 1 FROM reconciliations").fetchone())
        with Server.beside(parts) as server, ExitStack() as ends:
            yield World(parts, Stripe(loopback.url), server, ends)


def test_every_credit_is_where_the_money_says(world: World) -> None:
    ada, bob, cyd = (world.person(name) for name in ("ada", "bob", "cyd"))
    subscribed_at = world.stripe.control("now")
    subscription = _subscribed_while_nobody_listened(world, bob)
    _upgraded(world, bob, subscription)
    _a_pack_paid_for_and_told_badly(world, ada)
    _spent_by_another_service(world, ada)
    deployment = _deployed(ada)
    _a_refund_after_spending(world, cyd)
    _a_dispute_that_is_won(world, cyd)
    _a_gift(ada, cyd)
    _told_to_nobody(world, ada)
    _payment_failed_and_recovered(world, bob, subscription)
    _killed_while_webhooks_come(world, ada)
    # Free, small pack, reports, deployment, gift, large pack, three small packs.
    assert ada.credits == (25 + 500 - 36 - 5 - 40 + 2_000 + 3 * 500, 0)
    # Free, starter, the difference to professional, the next period, reports, a premium call.
    assert bob.credits == (25 + 250 + 2_250 + 2_500 - 25 - 10 - 3 - 2, 0)
    # Free, reports, two small packs of which one went back, gift.
    assert cyd.credits == (25 + 500 - 100 + 40, 0)
    for person in (ada, bob, cyd):
        _statement_usage_and_journal_agree(world, person)
    _figures_of_the_operator(world, deployment, subscribed_at, (ada, bob, cyd))


def _subscribed_while_nobody_listened(world: World, bob: Person) -> str:
    """Before there is a webhook endpoint: comparing the books gives what was paid."""
    with spending(world, bob) as wallet:
        # What is free is spent first, so that the rest is of the subscription.
        for units, captured in ((5, 10), (5, 9), (3, 6)):
            with wallet.hold("report", units=units) as hold:
                hold.capture(captured)
    assert bob.credits == (0, 0)
    refused(world, bob, "report", "insufficient_credits")
    subscription: str = bob.buy(tariff="starter")["subscription"]
    assert bob.credits == (0, 0)
    assert world.parts.command("billing", "reconcile")["unpaid"] == []
    assert bob.credits == (250, 0)
    now = world.stripe.control("now")
    world.stripe.control("advance", seconds=int(time.time()) - now)
    world.stripe.tell(world.server.url)
    return subscription


def _upgraded(world: World, bob: Person, subscription: str) -> None:
    """Inside the period: the difference of the month's credits, and premium."""
    with spending(world, bob) as wallet, wallet.hold("report", units=5):
        pass
    refused(world, bob, "premium_call", "tariff_too_low")
    price = world.stripe.price("professional")
    world.stripe.control("change_price", subscription=subscription, price=price)
    world.deliver()
    assert bob.credits == (250 - 10 + 2_250, 0)
    assert bob.licence == "active"
    with spending(world, bob) as wallet, wallet.hold("premium_call"):
        pass
    assert bob.credits == (250 - 10 + 2_250 - 3, 0)


def _a_pack_paid_for_and_told_badly(world: World, ada: Person) -> None:
    """Once with the wrong secret, then twice."""
    world.stripe.control(
        "script", type="checkout.session.completed", kinds=["wrong_secret", "duplicate"]
    )
    assert ada.credits == (25, 0)
    ada.buy(pack="small")
    world.stripe.control("deliver")
    struck = world.stripe.control("counts")
    assert (struck["wrong_secret"], struck["duplicate"]) == (1, 0)
    assert ada.credits == (25, 0)
    world.stripe.control("finish")
    assert world.stripe.control("counts")["duplicate"] >= 1
    assert ada.credits == (525, 0)


def _spent_by_another_service(world: World, ada: Person) -> None:
    """Captured, captured in part, given back, refused: 2 + 4 + 3 × 10."""
    with spending(world, ada) as wallet:
        with wallet.hold("report"):
            assert ada.credits == (523, 0)
        with wallet.hold("report", units=3) as hold:
            assert hold.credits == 6
            hold.capture(4)
        with pytest.raises(ZeroDivisionError), wallet.hold("report", units=5):
            raise ZeroDivisionError
        for _ in range(3):
            with wallet.hold("report", units=5):
                pass
    refused(world, ada, "premium_call", "tariff_too_low")
    refused(world, ada, "report", "too_many_credits", units=6)
    assert ada.credits == (525 - 36, 0)


def _deployed(ada: Person) -> dict[str, Any]:
    token = ONE_TOKEN | {"name": "Hazel", "symbol": "HZL"}
    request = {"kind": "erc20_mintable", "network": EVM, "token": token}
    id = ada.post("/v1/deployments", request, status=202)["id"]
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(ada.get(f"/v1/deployments/{id}"))
        return found["state"] in {"Completed", "Failed"}

    until(has_ended)
    assert found["state"] == "Completed", found
    assert ada.credits == (525 - 36 - 5, 0)
    return found


def _a_refund_after_spending(world: World, cyd: Person) -> None:
    """100 of 525 were spent, 75 of them of the pack: they are owed, and the next pack pays."""
    payment = cyd.buy(pack="small")["payment_intent"]
    world.deliver()
    with spending(world, cyd) as wallet:
        for _ in range(10):
            with wallet.hold("report", units=5):
                pass
    assert cyd.credits == (425, 0)
    world.stripe.control("refund", payment_intent=payment)
    world.deliver()
    assert cyd.credits == (0, 75)
    refused(world, cyd, "report", "debt_outstanding")


def _a_dispute_that_is_won(world: World, cyd: Person) -> None:
    payment = cyd.buy(pack="small")["payment_intent"]
    world.deliver()
    assert cyd.credits == (425, 0)
    dispute = world.stripe.control("dispute", payment_intent=payment)["id"]
    world.deliver()
    assert cyd.credits == (0, 75)
    assert cyd.licence == "payment_failed"
    world.stripe.control("close_dispute", dispute=dispute, won=True)
    world.deliver()
    assert cyd.credits == (425, 0)
    assert cyd.licence == "active"


def _a_gift(ada: Person, cyd: Person) -> None:
    ada.post("/v1/credits/gifts", {"to": cyd.organisation, "credits": 40}, status=201)
    until(lambda: cyd.credits == (465, 0))


def _told_to_nobody(world: World, ada: Person) -> None:
    """Every webhook of a purchase is lost: comparing the books gives it, once."""
    for kind in OF_A_PACK:
        world.stripe.control("script", type=kind, kinds=["drop"])
    before = ada.credits[0]
    ada.buy(pack="large")
    world.stripe.control("finish")
    assert ada.credits == (before, 0)
    assert world.parts.command("billing", "reconcile")["unpaid"] == []
    assert ada.credits == (before + 2_000, 0)
    repeated = world.parts.command("billing", "reconcile")
    assert (repeated["events"], repeated["payments"]) == (0, 0)
    assert ada.credits == (before + 2_000, 0)


def _payment_failed_and_recovered(world: World, bob: Person, subscription: str) -> None:
    """Premium is off at once, with what is held for it; core is on; paying clears it."""
    found = world.stripe.get(f"/v1/subscriptions/{subscription}")
    ends = found["items"]["data"][0]["current_period_end"]
    world.stripe.control("decline_payments", customer=found["customer"])
    available = bob.credits[0]
    with spending(world, bob) as wallet:
        lost = wallet.hold("premium_call", lease_seconds=300)
        with pytest.raises(RefusedError) as caught, lost:  # noqa: PT012 - the end raises
            assert bob.credits == (available - 3, 0)
            world.stripe.control("advance", seconds=ends - world.stripe.control("now") + 2 * HOUR)
            assert bob.licence == "payment_failed"
            # Given back at that moment, without anybody asking.
            assert bob.credits == (available, 0)
    assert caught.value.code == "hold_closed"
    refused(world, bob, "premium_call", "licence_premium_off")
    with spending(world, bob) as wallet, wallet.hold("report"):
        pass
    (invoice,) = world.stripe.get("/v1/invoices", customer=found["customer"], status="open")[
        "data"
    ]
    world.stripe.control("accept_payments", customer=found["customer"])
    world.stripe.control("pay_invoice", invoice=invoice["id"])
    world.deliver()
    assert bob.licence == "active"
    assert bob.credits == (available - 2 + 2_500, 0)


def _killed_while_webhooks_come(world: World, ada: Person) -> None:
    """kill -9 after Stripe was asked about an event: whatever was on its way comes again."""
    before = ada.credits[0]
    for number in range(3):
        ada.buy(pack="small")
        asked = len(world.stripe.control("requests"))
        telling = threading.Thread(target=world.deliver)
        telling.start()
        until(lambda asked=asked: len(world.stripe.control("requests")) > asked, pause=0.0)
        world.server.kill()
        telling.join()
        assert ada.credits[0] in {before + 500 * number, before + 500 * (number + 1)}
        world.server.start()
        world.stripe.control("finish")
        assert ada.credits == (before + 500 * (number + 1), 0)


def _statement_usage_and_journal_agree(world: World, person: Person) -> None:
    journal = person.journal()
    sums: Counter[str] = Counter()
    for line in journal:
        sums[line["debit"]] -= line["amount"]
        sums[line["credit"]] += line["amount"]
    available, debt = person.credits
    assert (sums["available"], sums["held"], -sums["debt"]) == (available, 0, debt)
    usage = person.get("/v1/credits/usage", by="operation")
    assert usage["captured"] == sums["spent"]
    assert sum(row["captured"] for row in usage["data"]) == sums["spent"]
    stated = person.get("/v1/billing/statement")
    captured = [line["credits"] for line in stated["lines"] if line["what"] == "captured"]
    assert -sum(captured) == sums["spent"]
    changed = sum(line["credits"] for line in stated["lines"])
    assert stated["opening"]["balance"] + changed == stated["closing"]["balance"]
    assert stated["closing"]["balance"] == available - debt
    assert world.parts.command("credits", "statement", person.organisation) == stated


def _figures_of_the_operator(
    world: World,
    deployment: dict[str, Any],
    subscribed_at: int,
    people: tuple[Person, Person, Person],
) -> None:
    told = world.parts.command("verify", "ledger")
    assert (told["holds"], told["findings"]) == (True, [])

    margin: Any = world.parts.command("report", "margin")
    found = {(line["organisation"], line["operation"]): line for line in margin["lines"]}
    ada, bob, cyd = (person.organisation for person in people)
    # Of 36 for reports 25 were free; the deployment is of the pack alone.
    assert found[ada, "report"]["revenue"] == dollars(11 * OF_SMALL)
    assert found[ada, "deployment"]["revenue"] == dollars(5 * OF_SMALL)
    # Twelve reports' credits after the free ones, and one premium call.
    assert found[bob, "report"]["revenue"] == dollars(12 * OF_STARTER)
    assert found[bob, "premium_call"]["revenue"] == dollars(3 * OF_STARTER)
    assert found[cyd, "report"]["revenue"] == dollars(75 * OF_SMALL)
    # Taken back twice, and paid by what came in twice.
    assert found[cyd, None]["taken_back"] == dollars(150 * OF_SMALL)
    assert found[cyd, None]["repaid"] == dollars(150 * OF_SMALL)
    assert found[cyd, None]["revenue"] == dollars(0)
    assert found[ada, "deployment"]["credits"] == 5
    # With what it took to install the factory.
    assert margin["not_valued"] == {EVM: str(_fees_on_chain(world, deployment))}

    (month,) = world.parts.command("report", "mrr", "--months", "1")["months"]
    began = datetime.fromtimestamp(subscribed_at, UTC)
    is_of_this_month = began.month == datetime.now(UTC).month
    assert (month["mrr"], month["paying"], month["churn"]) == (49_900, 1, 0)
    assert (month["new"], month["expansion"]) == ((49_900, 0) if is_of_this_month else (0, 40_000))

    (cohort,) = world.parts.command("report", "activation", "--months", "1")["months"]
    assert (cohort["registered"], cohort["with_a_token"]) == (3, 1)
    assert cohort["median_minutes_to_first_token"] < 5
    # Of those that had a day, and nobody had.
    assert (cohort["within_24_hours"], cohort["of_those_that_had_24_hours"]) == (0, 0)


def _fees_on_chain(world: World, deployment: dict[str, Any]) -> int:
    """Raw JSON-RPC: what whoever sent the deployment paid for all that they sent, in wei."""

    def ask(method: str, *parameters: object) -> Any:
        return call(world.parts.anvil, method, *parameters)

    sent = deployment["steps"][0]["transactions"][0]["transaction_id"]
    sender = ask("eth_getTransactionByHash", sent)["from"]
    total = 0
    for number in range(int(ask("eth_blockNumber"), 16) + 1):
        for each in ask("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if each["from"] == sender:
                receipt = ask("eth_getTransactionReceipt", each["hash"])
                total += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    return total


@contextmanager
def spending(world: World, person: Person) -> Iterator[Credits]:
    with Credits(world.parts.api, api_key=person.key) as wallet:
        yield wallet


def refused(
    world: World, person: Person, operation: str, code: str, units: int | None = None
) -> None:
    with spending(world, person) as wallet:
        with pytest.raises(RefusedError) as caught, wallet.hold(operation, units=units):
            pass
        assert caught.value.code == code


def dollars(micros: int) -> str:
    return f"{micros // 10**6}.{micros % 10**6:06}"


def until(holds: Callable[[], object], pause: float = 0.05) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(pause)
