"""/v1/tokens: what was issued, as its chain shows it now, and what its holders have to know."""

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.deployments.belonging import owner_of
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from application.tokens.inspect import Inspect, Inspection
from domain.deployment import Deployment, State
from domain.errors import Refusal
from domain.identifiers import NetworkId
from domain.organisation import Permission
from domain.token import KindDescription, TokenKind
from entrypoints.http import compliance, representations, token_representations
from entrypoints.http.answers import answer, answer_if_changed, page
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, refused
from entrypoints.http.pursued import CURSOR, LIMIT, LIVE, NETWORK, TOKEN, network_of, token_id
from entrypoints.http.rules import Text
from entrypoints.http.services import AClock, AStore, Chains, Given

KIND = Field("kind", Text(most=64), "Only tokens of this kind.")
LISTING = Shape("TokenQuery", (LIMIT, CURSOR, NETWORK, LIVE, KIND))


@get(
    "/v1/tokens",
    sync_to_thread=True,
    opt=Operation(
        id="list_tokens", tag="tokens", summary="Tokens that were issued, newest first",
        is_brief=True,
        description="Of completed deployments only, and as they were issued, with the owner that "
        "each has now: one token alone is read together with its chain.",
        query=LISTING, answers="TokenPage", is_polled=True,
        codes=("validation_failed", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def list_tokens(
    request: AnyRequest, caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    asked = LISTING.query(request)
    live, network, kind = asked.get(LIVE), asked.get(NETWORK), asked.get(KIND)
    require(caller, Permission.READ_DEPLOYMENTS, live=live)
    with store.begin(caller.scope) as work:
        found = work.deployments.list(
            PageRequest(limit=asked.get(LIMIT) or 20, after=TOKEN.after(work, asked)),
            state=State.COMPLETED,
            network=NetworkId(network) if network is not None else None,
            live=caller.live if live is None else live,
            kinds=TOKEN.kinds,
            token_kind=TokenKind(kind) if kind is not None else None,
        )
        owners = work.deployments.handed_to([each.id for each in found.items])
    items = [_token(each, owners.get(each.id, each.owner), chains) for each in found.items]
    last = token_id(found.items[-1].id) if found.items else None
    return answer_if_changed(page(items, has_more=found.has_more, last=last), request)


@get(
    "/v1/tokens/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_token", tag="tokens", summary="One token, as its network shows it now",
        description="`state` is read from the network's final blocks while you wait; where no "
        "node answers it is null, and `state_missing` says why. `differences` are those to what "
        "was planned and ordered since; while `operations_under_way`, they may be the doing of "
        "one of those.",
        answers="TokenNow", codes=("not_found", "token_not_issued", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_token(
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    inspect: Given[Inspect],
) -> Response[bytes]:
    deployment = issued(caller, store, id)
    with store.begin(caller.scope) as work:
        owner = owner_of(work, deployment)
    shown = _token(deployment, owner, chains)
    seen = _look(inspect, caller, deployment)
    if isinstance(seen, str):
        return answer(shown | token_representations.unseen(seen))
    return answer(shown | token_representations.seen(seen))


@get(
    "/v1/tokens/{id:str}/compliance-indicators",
    sync_to_thread=True,
    opt=Operation(
        id="get_compliance_indicators", tag="tokens",
        summary="What holders of a token have to know of it",
        description="Who can create, destroy, stop, take, replace; whether it is still what was "
        "issued: from the network's final blocks, now. Each with a sentence in plain words.",
        answers="ComplianceIndicators",
        codes=("not_found", "token_not_issued", "token_gone", "mode_mismatch",
               "network_not_ready", "node_unavailable", "network_halted"),
    ).opt,
)  # fmt: skip
def get_compliance_indicators(
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    clock: AClock,
    inspect: Given[Inspect],
) -> Response[bytes]:
    deployment = issued(caller, store, id)
    seen = granted(inspect(caller.scope, deployment.id))
    if seen.found is None:
        raise refused("token_gone", f"there is nothing at {deployment.result}")
    kind = _kind(deployment, chains)
    actions = kind.actions if kind is not None else ()
    return answer(compliance.indicators(seen, seen.found, actions, clock.now()))


HANDLERS = (list_tokens, get_token, get_compliance_indicators)


def issued(caller: Caller, store: Store, id: str) -> Deployment:
    """The deployment that made the caller's token.

    Raises: RefusedError: there is none that it may read, or it has not made it yet.
    """
    deployment = TOKEN.find(caller, store, id)
    if deployment.state is not State.COMPLETED:
        raise refused("token_not_issued", f"its deployment is {deployment.state.value}")
    return deployment


def _look(inspect: Inspect, caller: Caller, deployment: Deployment) -> Inspection | str:
    """What is to be seen, or the code of the reason why nothing is."""
    try:
        seen = inspect(caller.scope, deployment.id)
    except ChainUnavailableError:
        return "node_unavailable"
    except WrongChainError:
        return "network_halted"
    return seen.code if isinstance(seen, Refusal) else seen


def _token(deployment: Deployment, owner: str | None, chains: Chains) -> representations.Document:
    kind = _kind(deployment, chains)
    return token_representations.token(deployment, owner, kind, network_of(chains, deployment))


def _kind(deployment: Deployment, chains: Chains) -> KindDescription | None:
    """What its kind is; None where it is no longer offered."""
    chain = chains.get(deployment.network)
    kinds = chain.kinds() if chain is not None else ()
    return next((each for each in kinds if each.kind == deployment.token.kind), None)
