"""How requests are answered whatever they are about: keys, repetitions, pages, errors, outages."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from entrypoints.devnet.stripe import API_VERSION, LIVE_KEY, TEST_KEY, Request, loopback
from entrypoints.devnet.stripe.api import ROUTES
from entrypoints.devnet.stripe.forms import decoded
from entrypoints.devnet.stripe.outages import KINDS
from tests.devnet.stripe.in_process import client_of
from tests.devnet.stripe.shop import Shop, refusal


@pytest.fixture
def world():
    return loopback(seed=1)


def ask(world, method, path, form="", **headers):
    given = {"authorization": f"Bearer {world.secret_key}", **headers}
    return world.answer(Request(method=method, path=path, form=form, headers=given))


def test_the_sdk_pins_the_version_that_is_served():
    assert stripe._api_version._ApiVersion.CURRENT == API_VERSION


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("sk_test_another", "Invalid API Key provided: sk_test_********ther"),
        ("nothing", "Invalid"),
    ],
)
def test_another_key_opens_nothing(running, key, says):
    client = stripe.StripeClient(key, base_addresses={"api": running.url})
    error = refusal(client.v1.customers.list)
    assert isinstance(error, stripe.AuthenticationError)
    assert error.http_status == 401
    assert says in error.user_message
    assert f"'{key}'" not in error.http_body


def test_without_a_key_there_is_no_answer(running):
    with pytest.raises(urllib.request.HTTPError) as caught:
        urllib.request.urlopen(f"{running.url}/v1/customers")  # noqa: S310 - our own port
    with caught.value as answer:
        assert answer.status == 401
        assert "did not provide an API key" in json.load(answer)["error"]["message"]


def test_the_modes_are_apart(running, shop):
    live = stripe.StripeClient(LIVE_KEY, base_addresses={"api": running.url})
    theirs = Shop(live, running.live)
    assert theirs.customer.livemode is True
    assert shop.customer.livemode is False
    assert refusal(live.v1.customers.retrieve, shop.customer.id).code == "resource_missing"
    assert [each.id for each in live.v1.customers.list().data] == [theirs.customer.id]
    theirs.sell()
    assert all(event["livemode"] for event in running.live.account.events)
    assert theirs.checkout().id.startswith("cs_live_")
    error = refusal(live.v1.test_helpers.test_clocks.create, {"frozen_time": 1})
    assert error.http_status == 400


def test_what_is_not_there_is_missing(shop):
    error = refusal(shop.api.customers.retrieve, "cus_none")
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    assert "No such customer: 'cus_none'" in error.user_message
    assert error.request_id.startswith("req_")


def test_what_is_not_built_fails_loudly(shop, client):
    error = refusal(client.v1.coupons.create, {"percent_off": 10})
    assert error.http_status == 501
    assert "not_implemented_by_the_loopback" in error.http_body
    assert "POST /v1/coupons" in str(error)
    error = refusal(shop.checkout, automatic_tax={"enabled": True})
    assert error.http_status == 501
    assert "automatic_tax of POST /v1/checkout/sessions" in str(error)
    old = stripe.StripeClient(
        TEST_KEY, base_addresses=client._requestor._options.base_addresses,
        stripe_version="2024-06-20",
    )  # fmt: skip
    assert refusal(old.v1.customers.list).http_status == 501


def test_every_route_has_one_answer():
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))
    assert all(name.split()[1].startswith("/v1/") for name in names)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_names_what_it_misses_or_does_not_know(world, route):
    path = route.path.replace(":id", "none")
    strange = ask(world, route.method, path, "surprise[a]=1")
    assert strange.status == 501
    assert f"surprise of {route.name}" in strange.json()["error"]["message"]
    if path != route.path:
        assert ask(world, route.method, path, _least(route)).status == 404


def _least(route):
    required = {"customer": "none", "frozen_time": "1"}
    names = [name.rstrip("!") for name in route.parameters if name.endswith("!")]
    return "&".join(f"{name}={required[name]}" for name in names)


class TestIdempotency:
    def test_the_same_key_has_the_same_answer_once(self, shop):
        options = {"idempotency_key": "key-1"}
        first = shop.api.customers.create({"name": "Ann"}, options)
        before = len(shop.account.events)
        again = shop.api.customers.create({"name": "Ann"}, options)
        assert again.id == first.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.last_response.headers
        assert (
            again.last_response.headers["Original-Request"]
            == (first.last_response.headers["Request-Id"])
        )
        assert len(shop.account.events) == before

    @pytest.mark.parametrize(
        "other",
        [
            lambda api, options: api.customers.create({"name": "Bob"}, options),
            lambda api, options: api.products.create({"name": "Ann"}, options),
        ],
        ids=["parameters", "route"],
    )
    def test_a_key_is_for_one_request(self, shop, other):
        options = {"idempotency_key": "key-1"}
        shop.api.customers.create({"name": "Ann"}, options)
        error = refusal(other, shop.api, options)
        assert isinstance(error, stripe.IdempotencyError)
        assert error.http_status == 400

    def test_what_was_refused_by_its_form_is_not_remembered(self, shop):
        options = {"idempotency_key": "key-1"}
        refusal(shop.api.products.create, {}, options)
        assert shop.api.products.create({"name": "Ann"}, options).id

    def test_what_was_refused_after_it_had_begun_is_remembered(self, shop):
        options = {"idempotency_key": "key-1"}
        form = {"product": "prod_late", "unit_amount": 1, "currency": "usd"}
        assert refusal(shop.api.prices.create, form, options).http_status == 404
        shop.api.products.create({"id": "prod_late", "name": "Late"})
        assert refusal(shop.api.prices.create, form, options).http_status == 404
        assert shop.api.prices.create(form).id

    def test_a_key_is_forgotten_after_a_day(self, shop):
        options = {"idempotency_key": "key-1"}
        first = shop.api.customers.create({"name": "Ann"}, options)
        shop.control.advance(86_399)
        assert shop.api.customers.create({"name": "Ann"}, options).id == first.id
        shop.control.advance(1)
        assert shop.api.customers.create({"name": "Ann"}, options).id != first.id

    def test_a_key_that_comes_on_many_lines_at_once_is_one_request(self, running, shop):
        def create(_):
            client = stripe.StripeClient(TEST_KEY, base_addresses={"api": running.url})
            return client.v1.customers.create({"name": "Ann"}, {"idempotency_key": "key-1"}).id

        with ThreadPoolExecutor(max_workers=8) as pool:
            ids = set(pool.map(create, range(16)))
        assert len(ids) == 1
        assert len(shop.api.customers.list().data) == 2

    def test_events_tell_the_key(self, shop):
        shop.api.customers.create({"name": "Ann"}, {"idempotency_key": "key-1"})
        event = shop.api.events.list({"limit": 1}).data[0]
        assert event.request.idempotency_key == "key-1"
        assert event.request.id.startswith("req_")
        shop.control.advance(2 * 86_400)
        shop.sell()
        assert shop.api.events.list({"limit": 1}).data[0].request.id is None


class TestOutages:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_retry_with_the_same_key_does_it_once(self, world, kind):
        client = client_of(world, max_network_retries=2)
        world.control.break_requests(kind, where="POST /v1/customers")
        if kind in {"rate_limit", "error_after"}:
            # The SDK does not try again after 429, and the same key gets the same 500.
            refusal(client.v1.customers.create, {"name": "Ann"})
        else:
            client.v1.customers.create({"name": "Ann"})
        done = 0 if kind == "rate_limit" else 1
        assert len(client.v1.customers.list().data) == done
        assert world.api.outages.counts[kind] == 1

    def test_a_lost_line_is_a_lost_line_over_http(self, shop):
        shop.control.break_requests("lost_after", where="/v1/refunds")
        intent = shop.sell().payment_intent
        error = refusal(
            shop.api.refunds.create, {"payment_intent": intent}, {"idempotency_key": "a"}
        )
        assert isinstance(error, stripe.APIConnectionError)
        refund = shop.api.refunds.create({"payment_intent": intent}, {"idempotency_key": "a"})
        assert refund.amount == 2_900
        assert len(shop.api.refunds.list({"payment_intent": intent}).data) == 1

    def test_only_the_requests_that_are_meant_are_broken(self, shop):
        shop.control.break_requests("error_before", times=2, where="GET /v1/prices")
        shop.api.customers.create({"name": "Ann"})
        for _ in range(2):
            assert refusal(shop.api.prices.list).http_status == 500
        assert shop.api.prices.list().data


class TestLists:
    def test_pages_show_everything_once_newest_first(self, shop):
        ids = [shop.api.customers.create({"name": str(each)}).id for each in range(7)]
        newest = [*reversed([shop.customer.id, *ids])]
        first = shop.api.customers.list({"limit": 3})
        assert ([each.id for each in first.data], first.has_more) == (newest[:3], True)
        assert [each.id for each in first.auto_paging_iter()] == newest
        last = shop.api.customers.list({"limit": 3, "starting_after": newest[4]})
        assert ([each.id for each in last.data], last.has_more) == (newest[5:], False)
        back = shop.api.customers.list({"limit": 3, "ending_before": newest[5]})
        assert ([each.id for each in back.data], back.has_more) == (newest[2:5], True)
        start = shop.api.customers.list({"limit": 3, "ending_before": newest[2]})
        assert ([each.id for each in start.data], start.has_more) == (newest[:2], False)

    @pytest.mark.parametrize("limit", [0, 101, -1])
    def test_a_page_has_its_limits(self, shop, limit):
        assert refusal(shop.api.customers.list, {"limit": limit}).param == "limit"

    def test_a_page_begins_after_something_that_is_there(self, shop):
        error = refusal(shop.api.customers.list, {"starting_after": "cus_none"})
        assert (error.code, error.param) == ("resource_missing", "starting_after")

    @pytest.mark.parametrize(
        ("bounds", "count"),
        [
            ({"gt": 0}, 2), ({"gt": 10}, 1), ({"gte": 10}, 2), ({"lt": 10}, 0), ({"lte": 10}, 1),
            ({"gt": 10, "lte": 20}, 1), ({"gte": 21}, 0),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_list_is_bounded_by_time(self, bounds, count):
        world = loopback(seed=1, now=10)
        client = client_of(world)
        client.v1.customers.create({})
        world.control.advance(10)
        client.v1.customers.create({})
        assert len(client.v1.customers.list({"created": bounds}).data) == count


class TestExpansion:
    def test_ids_become_objects_as_deep_as_they_go(self, shop):
        subscription = shop.subscribe()
        served = shop.api.subscriptions.retrieve(
            subscription.id, {"expand": ["customer", "latest_invoice.payments"]}
        )
        assert served.customer.email == "ann@example.com"
        assert served.latest_invoice.payments.data[0].status == "paid"
        again = shop.api.subscriptions.retrieve(subscription.id)
        assert isinstance(again.customer, str)
        deep = shop.api.invoices.retrieve(
            again.latest_invoice, {"expand": ["payments.data.payment.payment_intent"]}
        )
        assert deep.payments.data[0].payment.payment_intent.amount == 9_900

    def test_lists_are_expanded_through_their_data(self, shop):
        shop.subscribe()
        listed = shop.api.subscriptions.list({"expand": ["data.latest_invoice"]})
        assert listed.data[0].latest_invoice.status == "paid"

    @pytest.mark.parametrize(
        "path",
        ["status", "nothing", "customer.nothing", "items.data.price.product.default_price.x"],
    )
    def test_what_cannot_be_expanded_is_refused(self, shop, path):
        subscription = shop.subscribe()
        error = refusal(shop.api.subscriptions.retrieve, subscription.id, {"expand": [path]})
        assert (error.http_status, error.param) == (400, "expand")


class TestForms:
    @pytest.mark.parametrize(
        ("form", "param"),
        [
            ("name=A&active=perhaps", "active"),
            ("name=A&metadata=x", "metadata"),
            (f"name=A&metadata[{'k' * 41}]=x", f"metadata[{'k' * 41}]"),
            (f"name=A&metadata[k]={'x' * 501}", "metadata[k]"),
            ("name[a]=A", "name"),
            ("name=A&name[a]=B", "name[a]"),
        ],
        ids=lambda value: value[:20],
    )
    def test_what_is_malformed_is_named(self, world, form, param):
        answer = ask(world, "POST", "/v1/products", form)
        assert (answer.status, answer.json()["error"]["param"]) == (400, param)

    def test_a_list_has_the_order_of_its_numbers(self):
        numbers = [*range(12)]
        form = "&".join(f"expand[{each}]={each}" for each in reversed(numbers))
        assert decoded(form) == {"expand": [str(each) for each in numbers]}
        assert decoded("a[]=1&a[]=2&b[c][d]=") == {"a": ["1", "2"], "b": {"c": {"d": ""}}}

    def test_metadata_is_merged_and_emptied(self, world):
        client = client_of(world)
        id = client.v1.customers.create({"metadata": {"a": "1"}}).id
        client.v1.customers.update(id, {"metadata": {"b": "2"}})
        assert client.v1.customers.retrieve(id).metadata.to_dict() == {"a": "1", "b": "2"}
        client.v1.customers.update(id, {"metadata": ""})
        assert client.v1.customers.retrieve(id).metadata.to_dict() == {}


def test_the_same_seed_is_the_same_account():
    def ids(seed):
        world = loopback(seed=seed)
        Shop(client_of(world), world).sell()
        return [event["id"] for event in world.account.events]

    assert ids(7) == ids(7)
    assert not set(ids(7)) & set(ids(8))
