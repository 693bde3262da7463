"""The list of events, by which a lost webhook is repaired."""

import pytest

from tests.devnet.stripe.shop import refusal

DAY = 86_400


def test_events_are_listed_newest_first(shop):
    shop.sell()
    listed = shop.api.events.list({"limit": 100}).data
    assert [event.type for event in reversed(listed)] == shop.told()
    event = listed[0]
    assert (event.type, event.data.object.payment_status) == ("checkout.session.completed", "paid")
    assert event.api_version == shop.account.api_version
    assert shop.api.events.retrieve(event.id).data.object.id == event.data.object.id


def test_an_event_tells_what_was_and_not_what_is(shop):
    customer = shop.api.customers.create({"name": "Ann"})
    shop.api.customers.update(customer.id, {"name": "Bob", "email": "b@example.com"})
    changed, created = shop.api.events.list({"type": "customer.*", "limit": 2}).data
    assert (created.data.object.name, changed.data.object.name) == ("Ann", "Bob")
    assert changed.data.previous_attributes.to_dict() == {"name": "Ann", "email": None}


def test_an_update_that_changes_nothing_is_no_event(shop):
    before = shop.told()
    shop.api.customers.update(shop.customer.id, {"email": "ann@example.com"})
    assert shop.told() == before


@pytest.mark.parametrize(
    ("search", "types"),
    [
        ({"type": "checkout.session.completed"}, ["checkout.session.completed"]),
        (
            {"types": ["charge.succeeded", "payment_intent.succeeded"]},
            ["charge.succeeded", "payment_intent.succeeded"],
        ),
        ({"type": "payment_intent.*"}, ["payment_intent.created", "payment_intent.succeeded"]),
    ],
    ids=str,
)
def test_events_are_filtered_by_type(shop, search, types):
    shop.sell()
    assert sorted({event.type for event in shop.api.events.list(search).data}) == types


def test_both_filters_by_type_at_once_are_refused(shop):
    form = {"type": "charge.succeeded", "types": ["charge.succeeded"]}
    assert refusal(shop.api.events.list, form).http_status == 400


def test_events_of_a_time_are_paged_through(shop):
    shop.sell()
    since = shop.account.now
    shop.control.advance(60)
    shop.sell()
    shop.sell()
    form = {"created": {"gt": since}, "limit": 3}
    found = [*shop.api.events.list(form).auto_paging_iter()]
    assert len(found) == 10
    assert all(event.created > since for event in found)
    assert len({event.id for event in found}) == 10


def test_events_are_kept_for_thirty_days(shop):
    first = shop.api.events.list({"limit": 1}).data[0]
    shop.control.advance(30 * DAY)
    assert shop.api.events.retrieve(first.id).id == first.id
    shop.control.advance(1)
    assert refusal(shop.api.events.retrieve, first.id).code == "resource_missing"
    assert not shop.api.events.list().data


def test_what_has_not_arrived_is_listed_apart(shop):
    status = 500
    shop.control.add_receiver(lambda body, headers: status, ["whsec_1"])
    session = shop.sell()
    missed = shop.api.events.list({"delivery_success": False}).data
    assert len(missed) == 5
    assert missed[0].data.object.id == session.id
    assert missed[0].pending_webhooks == 1
    shop.control.finish()
    assert len(shop.api.events.list({"delivery_success": False}).data) == 5
    status = 200
    shop.sell()
    shop.control.deliver()
    assert len(shop.api.events.list({"delivery_success": False}).data) == 5
    arrived = shop.api.events.list({"delivery_success": True, "limit": 5}).data
    assert {event.pending_webhooks for event in arrived} == {0}


def test_at_most_twenty_types_are_asked_for(shop):
    assert refusal(shop.api.events.list, {"types": ["charge.failed"] * 21}).param == "types"
    assert shop.api.events.list({"types": ["charge.failed"] * 20}).data == []
