"""What workers pursue, as the API names it: deployments, and operations on tokens.

Both are found, listed and answered in the same way, and each under its own ids only: to the
routes of one kind the things of the other do not exist.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from attrs import frozen
from litestar import Response
from msgspec import Raw

from application.access.caller import Caller
from application.deployments.request import Accepted
from application.ports.storage.deployments import DEPLOYMENTS, ON_TOKENS
from application.ports.storage.paging import LONGEST_PAGE, Page, PageRequest
from application.ports.storage.work import Store, Work
from domain.deployment import Deployment, State
from domain.identifiers import NetworkId, OperationId, Prefix, parse_id, public_id
from domain.network import Network
from domain.operation import OperationKind
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import (
    answer,
    answer_if_changed,
    bad_cursor,
    encoded,
    page,
    read_cursor,
)
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape
from entrypoints.http.problems import not_found
from entrypoints.http.rules import Choice, Number, Switch, Text
from entrypoints.http.services import Chains

LIMIT = Field("limit", Number(least=1, most=LONGEST_PAGE), "Items per page; 20 by default.")
CURSOR = Field("cursor", Text(most=200), "next_cursor of the page before.")
PAGE = Shape("PageQuery", (LIMIT, CURSOR))
STATE = Field("state", Choice(among=State), "Only those in this state.")
NETWORK = Field("network", Text(most=128), "Only those on this network.")
LIVE = Field("live", Switch(), "Only live ones, or only others.")
REFERENCE = Field("client_reference", Text(most=100), "The one with this reference.")

KEYED = (
    "idempotency_key_missing", "idempotency_key_invalid", "idempotency_key_reused",
    "request_in_flight",
)  # fmt: skip


@frozen(kw_only=True)
class Pursued:
    """One kind of resource."""

    #: What one of them is called.
    noun: str
    prefix: Prefix
    kinds: frozenset[OperationKind]
    #: The collection's place; one of them is below it.
    path: str

    def id_of(self, text: str) -> OperationId:
        """Raises: RefusedError: *text* is no id of theirs."""
        parsed = parse_id(self.prefix, text)
        if parsed is None:
            raise not_found(self.noun)
        return OperationId(parsed)

    def find(self, caller: Caller, store: Store, id: str) -> Deployment:
        """The caller's own.  Raises: RefusedError: there is none that it may read."""
        require(caller, Permission.READ_DEPLOYMENTS)
        found = self.known(caller, store, id)
        require(caller, Permission.READ_DEPLOYMENTS, live=found.live)
        return found

    def shown(
        self, caller: Caller, store: Store, chains: Chains, id: str
    ) -> representations.Document:
        """As `find`, and when it is looked at next: as it is shown."""
        require(caller, Permission.READ_DEPLOYMENTS)
        with store.begin(caller.scope) as work:
            found = self.get(work, self.id_of(id))
            next_look_at = _next_look_at(work, found) if found is not None else None
        if found is None:
            raise not_found(self.noun)
        require(caller, Permission.READ_DEPLOYMENTS, live=found.live)
        return representations.pursued(found, network_of(chains, found), next_look_at)

    def known(self, caller: Caller, store: Store, id: str) -> Deployment:
        """As `find`, for those who may change what they may not read."""
        with store.begin(caller.scope) as work:
            found = self.get(work, self.id_of(id))
        if found is None:
            raise not_found(self.noun)
        return found

    def get(self, work: Work, id: UUID) -> Deployment | None:
        found = work.deployments.outline(OperationId(id))
        return found if found is not None and found.kind in self.kinds else None

    def after(self, work: Work, asked: Decoded) -> UUID | None:
        """Whose place the cursor of a list names.  Raises: RefusedError: nobody's here."""
        cursor = asked.get(CURSOR)
        after = parse_id(self.prefix, read_cursor(cursor)) if cursor else None
        if cursor and (after is None or self.get(work, after) is None):
            raise bad_cursor()
        return after

    def list(
        self, work: Work, asked: Decoded, live: bool | None, of: OperationId | None = None
    ) -> Page[Deployment]:
        """A page of them, as a query narrows it."""
        network, after = asked.get(NETWORK), self.after(work, asked)
        return work.deployments.list(
            PageRequest(limit=asked.get(LIMIT) or 20, after=after),
            state=asked.get(STATE),
            network=NetworkId(network) if network is not None else None,
            live=live,
            kinds=self.kinds,
            of=of,
        )

    def referred_to(
        self, work: Work, asked: Decoded, live: bool | None, of: OperationId | None = None
    ) -> Page[Deployment]:
        """Those with a client reference: at most one of each mode."""
        if asked.get(CURSOR):
            raise bad_cursor()
        modes = (False, True) if live is None else (live,)
        state, network = asked.get(STATE), asked.get(NETWORK)
        found = [work.deployments.by_reference(asked[REFERENCE], live=mode) for mode in modes]
        items = tuple(
            each
            for each in found
            if each is not None
            and each.kind in self.kinds
            and of in {None, each.of}
            and (state is None or state is each.state)
            and (network is None or network == each.network)
        )
        return Page(items, has_more=False)


DEPLOYMENT = Pursued(
    noun="deployment", prefix=Prefix.DEPLOYMENT, kinds=DEPLOYMENTS, path="/v1/deployments"
)
OPERATION = Pursued(
    noun="operation", prefix=Prefix.OPERATION, kinds=ON_TOKENS, path="/v1/operations"
)
#: A token is known by the deployment that made it: the same UUID under a prefix of its own.
TOKEN = Pursued(
    noun="token",
    prefix=Prefix.TOKEN,
    kinds=frozenset({OperationKind.DEPLOYMENT}),
    path="/v1/tokens",
)


def accepted(given: Accepted, caller: Caller, store: Store, chains: Chains) -> Response[bytes]:
    """202, with the place of what was accepted."""
    if given.due_at is None:
        shown = document(given.deployment, caller, store, chains)
    else:
        network = network_of(chains, given.deployment)
        shown = representations.pursued(given.deployment, network, given.due_at)
    on_a_token = given.deployment.kind.is_on_a_token
    path = (OPERATION if on_a_token else DEPLOYMENT).path
    headers = {"Location": f"{path}/{shown['id']}"}
    if given.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(shown, 202, headers)


def document(
    each: Deployment, caller: Caller, store: Store, chains: Chains
) -> representations.Document:
    """One of them, and when it is looked at next."""
    next_look_at = None
    if each.state.is_open:
        with store.begin(caller.scope) as work:
            next_look_at = _next_look_at(work, each)
    return representations.pursued(each, network_of(chains, each), next_look_at)


def _next_look_at(work: Work, each: Deployment) -> datetime | None:
    return work.deployments.due_at(each.id) if each.state.is_open else None


def listed(found: Page[Deployment], chains: Chains, request: AnyRequest) -> Response[bytes]:
    items = [_written(_Same(each), _Same(network_of(chains, each))) for each in found.items]
    last = found.items[-1].named if found.items else None
    return answer_if_changed(page(items, has_more=found.has_more, last=last), request)


@frozen(eq=False)
class _Same:
    """Equal to itself only, and to none that looks like it: whatever it is, it does not change."""

    what: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.what is other.what

    def __hash__(self) -> int:
        return id(self.what)


@lru_cache(maxsize=2_048)
def _written(each: _Same, network: _Same) -> Raw:
    """A deployment on its network.  A store tells what has not changed as the same object."""
    return encoded(representations.pursued(each.what, network.what, None))


def network_of(chains: Chains, each: Deployment) -> Network | None:
    """The network, for its explorer; None where it is no longer configured."""
    chain = chains.get(each.network)
    return chain.network if chain is not None else None


def token_id(deployment: OperationId) -> str:
    """The public id of the token that *deployment* has made."""
    return public_id(Prefix.TOKEN, deployment)
