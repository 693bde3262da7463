"""Products and prices, and the keys by which prices are found."""

import pytest

from tests.devnet.stripe.shop import refusal


def test_a_product_is_created_changed_and_listed(shop):
    product = shop.api.products.create({"name": "Credits", "metadata": {"a": "1", "b": "2"}})
    shop.api.products.update(product.id, {"active": "false", "metadata": {"a": "", "c": "3"}})
    again = shop.api.products.retrieve(product.id)
    assert (again.active, again.metadata.to_dict()) == (False, {"b": "2", "c": "3"})
    assert [each.id for each in shop.api.products.list({"active": False}).data] == [product.id]
    assert shop.told()[-2:] == ["product.created", "product.updated"]


def test_a_product_may_have_an_id_of_ones_own(shop):
    shop.api.products.create({"id": "prod_own", "name": "Own"})
    error = refusal(shop.api.products.create, {"id": "prod_own", "name": "Again"})
    assert (error.http_status, error.code) == (400, "resource_already_exists")


def test_prices_are_found_by_lookup_key(shop):
    found = shop.api.prices.list({"lookup_keys": ["pack", "professional", "nothing"]})
    assert [each.id for each in found.data] == [shop.professional.id, shop.pack.id]
    assert found.data[0].unit_amount == 49_900
    assert found.data[0].recurring.interval == "month"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({"type": "one_time"}, ["pack"]),
        ({"recurring": {"interval": "month"}}, ["professional", "starter"]),
        ({"recurring": {"interval": "year"}}, []),
        ({"currency": "eur"}, []),
        ({"active": True}, ["professional", "starter", "pack"]),
    ],
    ids=str,
)
def test_prices_are_filtered(shop, search, found):
    assert [each.lookup_key for each in shop.api.prices.list(search).data] == found


def test_a_lookup_key_is_one_prices_alone(shop):
    form = {"currency": "usd", "unit_amount": 1, "product": shop.pack.product}
    before = len(shop.account.events)
    error = refusal(shop.api.prices.create, {**form, "lookup_key": "pack"})
    assert (error.http_status, error.code) == (400, "resource_already_exists")
    assert len(shop.account.events) == before
    assert len(shop.api.prices.list({"product": shop.pack.product}).data) == 1


def test_a_lookup_key_can_be_taken_over(shop):
    form = {"currency": "usd", "unit_amount": 1, "product": shop.pack.product}
    price = shop.api.prices.create({**form, "lookup_key": "pack", "transfer_lookup_key": True})
    found = shop.api.prices.list({"lookup_keys": ["pack"]}).data
    assert [each.id for each in found] == [price.id]
    assert shop.api.prices.retrieve(shop.pack.id).lookup_key is None
    assert shop.told()[-2:] == ["price.created", "price.updated"]


def test_a_price_changes_its_lookup_key(shop):
    shop.api.prices.update(shop.pack.id, {"lookup_key": "bundle", "nickname": "Bundle"})
    price = shop.api.prices.retrieve(shop.pack.id)
    assert (price.lookup_key, price.nickname, price.unit_amount) == ("bundle", "Bundle", 2_900)
    assert (
        refusal(shop.api.prices.update, shop.pack.id, {"lookup_key": "starter"}).code
        == "resource_already_exists"
    )


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"unit_amount": 1}, "currency"),
        ({"currency": "usd", "unit_amount": 1}, "product"),
        ({"currency": "usd", "product_data": {"name": "A"}}, "unit_amount"),
        ({"currency": "usd", "unit_amount": -1, "product_data": {"name": "A"}}, "unit_amount"),
        ({"currency": "usd", "unit_amount": "x", "product_data": {"name": "A"}}, "unit_amount"),
        ({"currency": "usd", "unit_amount": 1, "product_data": {}}, "product"),
        (
            {"currency": "usd", "unit_amount": 1, "product_data": {"name": "A"}, "recurring": {}},
            None,
        ),
    ],
    ids=str,
)
def test_a_price_that_cannot_be_is_refused(shop, form, param):
    if param is None:
        assert shop.api.prices.create(form).type == "one_time"
        return
    error = refusal(shop.api.prices.create, form)
    assert (error.http_status, error.param) == (400, param)


def test_an_inactive_price_is_not_sold(shop):
    shop.api.prices.update(shop.pack.id, {"active": False})
    error = refusal(shop.checkout)
    assert (error.http_status, error.param) == (400, "line_items[0][price]")
