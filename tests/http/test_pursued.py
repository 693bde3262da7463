"""Pages of what workers pursue: what was written before is used again, and is what it would be."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import msgspec
from attrs import evolve

from application.ports.storage.paging import Page
from domain.deployment import Cancelled
from domain.operation import OperationKind, WaitReason
from domain.token import Action, Order
from entrypoints.http import representations
from entrypoints.http.pursued import listed
from tests.contract.tenants import NOW, a_deployment, a_network

NOBODY = SimpleNamespace(headers={})
TENANT = SimpleNamespace(organisation=UUID(int=1), account=UUID(int=2), network="eip155:1")


def chains(explorer):
    network = evolve(a_network(TENANT.network), explorer_address=explorer)
    return {TENANT.network: SimpleNamespace(network=network)}


def some():
    """Deployments in several states, and an operation on a token, which has an address."""
    one = a_deployment(TENANT, metadata={"b": "1", "a": "ä"}, predicted="0xaddress")
    order = Order(action=Action.MINT, parameters={"to": "0xsomebody", "amount": "5"})
    return [
        one,
        evolve(one.awaiting(WaitReason.FINALITY, NOW), result="0xother"),
        one.apply(Cancelled()),
        evolve(one, id=uuid4(), kind=OperationKind.MINT, order=order, of=one.id),
    ]


def written(items, here):
    """As a page is written where nothing was written before."""
    network = here[TENANT.network].network if here else None
    data = [representations.pursued(each, network, None) for each in items]
    return msgspec.json.encode({"data": data, "has_more": False, "next_cursor": None})


def test_pages_are_as_if_each_were_written_anew():
    """Applications of one process may have other explorers, or none, or not the network."""
    items = some()
    places = [chains("https://one.example/{}"), chains("https://two.example/{}"), chains(None), {}]
    pages = set()
    for _ in range(3):
        for here in places:
            body = listed(Page(tuple(items), has_more=False), here, NOBODY).content
            assert body == written(items, here)
            pages.add(body)
        items.reverse()
    # With each order, that of the two explorers, and that of none, however there is none.
    assert len(pages) == 6


def test_what_is_gone_is_not_mistaken_for_what_has_its_place_in_memory():
    here = chains("https://one.example/{}")
    for _ in range(3_000):
        items = [a_deployment(TENANT)]
        body = listed(Page(tuple(items), has_more=False), here, NOBODY).content
        assert body == written(items, here)
