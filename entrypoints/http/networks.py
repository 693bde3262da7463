"""/v1/networks and /v1/token_kinds: what can be issued here, and where."""

from collections.abc import Mapping
from typing import cast

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.deployments.halt import code_of_halt
from application.ports.chain import Chain
from application.ports.storage.work import Scope
from domain.identifiers import NetworkId
from domain.organisation import Permission
from domain.token import KindDescription, TokenKind
from entrypoints.http import representations
from entrypoints.http.answers import Json, answer
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.operations import Operation
from entrypoints.http.problems import not_found
from entrypoints.http.services import AClock, AStore, Chains, Given, Pools
from entrypoints.http.short_lists import SHORT, cut


@get(
    "/v1/networks",
    sync_to_thread=True,
    opt=Operation(
        id="list_networks", tag="networks", summary="Networks of this installation",
        query=SHORT, answers="NetworkPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_networks(
    request: AnyRequest,
    caller: Given[Caller],  # noqa: ARG001 - somebody must be logged in
    store: AStore,
    chains: Chains,
) -> Response[bytes]:
    with store.begin(Scope()) as work:
        statuses = {id: work.networks.status(id) for id in chains}
    part = cut(chains, request, str)
    return answer(part.shown(lambda id: representations.network(chains[id].network, statuses[id])))


@get(
    "/v1/networks/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_network", tag="networks", summary="One network, and whether it is halted",
        answers="Network", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_network(
    id: FromPath[str],
    caller: Given[Caller],  # noqa: ARG001 - somebody must be logged in
    store: AStore,
    chains: Chains,
) -> Response[bytes]:
    chain = chains.get(NetworkId(id))
    if chain is None:
        raise not_found("network")
    with store.begin(Scope()) as work:
        status = work.networks.status(chain.network.id)
    return answer(representations.network(chain.network, status))


@get(
    "/v1/networks/{id:str}/status",
    sync_to_thread=True,
    opt=Operation(
        id="get_network_status", tag="networks", summary="How one network and its nodes are",
        description="`halted`: nothing is signed until a person has looked. `unavailable`: no "
        "node answers. `degraded`: a node is not well, or fewer than `min_sources` are, without "
        "which nothing is called final. Nodes are looked at every few seconds at most, and shown "
        "in the order in which they are asked; their hosts are shown to whoever may read the "
        "audit trail.",
        answers="NetworkStatus", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_network_status(
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    clock: AClock,
    chains: Chains,
    pools: Pools,
) -> Response[bytes]:
    chain, pool = chains.get(NetworkId(id)), pools.get(NetworkId(id))
    if chain is None or pool is None:
        raise not_found("network")
    with store.begin(Scope.installation()) as work:
        status = work.networks.status(chain.network.id)
        halted = None if status.halted is None else code_of_halt(work, status.id)
    nodes = pool.report()
    return answer(
        representations.network_status(
            status,
            halted,
            chain.network,
            nodes,
            clock.now(),
            with_names=Permission.READ_AUDIT in caller.permissions,
        )
    )


@get(
    "/v1/token_kinds",
    sync_to_thread=True,
    opt=Operation(
        id="list_token_kinds", tag="networks", summary="Kinds of tokens",
        description="Each with an explanation in plain words, and the JSON Schema of `token`.",
        query=SHORT, answers="TokenKindPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_token_kinds(
    request: AnyRequest,
    caller: Given[Caller],  # noqa: ARG001 - somebody must be logged in
    chains: Chains,
) -> Response[bytes]:
    kinds = _kinds(chains)
    return answer(cut(kinds, request, str).shown(lambda kind: _kind(*kinds[kind])))


@get(
    "/v1/token_kinds/{kind:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_token_kind", tag="networks", summary="One kind of token", answers="TokenKind",
        codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_token_kind(kind: FromPath[str], caller: Given[Caller], chains: Chains) -> Response[bytes]:  # noqa: ARG001 - somebody must be logged in
    found = _kinds(chains).get(TokenKind(kind))
    if found is None:
        raise not_found("token kind")
    return answer(_kind(*found))


HANDLERS = (list_networks, get_network, get_network_status, list_token_kinds, get_token_kind)


def _kinds(
    chains: Mapping[NetworkId, Chain],
) -> dict[TokenKind, tuple[KindDescription, list[str]]]:
    """Every kind that is offered anywhere, and where."""
    found: dict[TokenKind, tuple[KindDescription, list[str]]] = {}
    for id, chain in chains.items():
        for description in chain.kinds():
            found.setdefault(description.kind, (description, []))[1].append(id)
    return found


def _kind(description: KindDescription, networks: list[str]) -> Json:
    # A kind's JSON Schema is JSON, whatever its type says.
    return cast("Json", representations.token_kind(description, networks))
