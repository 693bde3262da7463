"""/v1/billing/tariffs: what is sold here, and at what price."""

from litestar import Response, get

from application.access.caller import Caller
from domain.catalogue import Catalogue, Fees, Pack, Price, Tariff
from domain.organisation import Permission
from entrypoints.http.answers import Json, answer
from entrypoints.http.authentication import require
from entrypoints.http.operations import Operation
from entrypoints.http.services import ACatalogue, Given


@get(
    "/v1/billing/tariffs",
    sync_to_thread=True,
    opt=Operation(
        id="list_tariffs", tag="billing", summary="Tariffs, packs and prices",
        description="Prices of tariffs and packs are in minor units of `currency` (ISO 4217), "
        "those of operations in whole credits. A null number of deployments is no limit. Fees are "
        "in money, in hundredths of a percent, on networks of the classes in `fees`.",
        answers="Catalogue",
    ).opt,
)  # fmt: skip
def list_tariffs(caller: Given[Caller], catalogue: ACatalogue) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    return answer(representation(catalogue))


HANDLERS = (list_tariffs,)


def representation(each: Catalogue) -> Json:
    return {
        "name": each.name,
        "currency": each.currency,
        "first_tariff": each.first_tariff,
        "tariffs": [_tariff(tariff) for tariff in each.tariffs.values()],
        "packs": [_pack(pack) for pack in each.packs.values()],
        "operations": [_price(price) for price in each.operations.values()],
        "most_credits_per_request": each.most_credits_per_request,
    }


def _tariff(each: Tariff) -> Json:
    return {
        "name": each.name,
        "price_minor": each.price_minor,
        "price_is_least": each.is_price_least,
        "deployments_per_month": each.deployments_per_month,
        "credits_per_month": each.credits_per_month,
        "classes": sorted(klass.value for klass in each.classes),
        "networks": sorted(network.value for network in each.networks),
        "fees": None if each.fees is None else _fees(each.fees),
        "requests_per_minute": each.requests_per_minute,
    }


def _fees(each: Fees) -> Json:
    return {
        "markup_basis_points": each.markup_basis_points,
        "value_basis_points": each.value_basis_points,
        "networks": sorted(network.value for network in each.networks),
    }


def _pack(each: Pack) -> Json:
    return {
        "name": each.name,
        "price_minor": each.price_minor,
        "credits": each.credits,
        "days": each.days,
    }


def _price(each: Price) -> Json:
    return {
        "operation": each.operation,
        "credits": each.credits,
        "metered": each.is_metered,
        "class": each.klass.value if each.is_metered else None,
    }
