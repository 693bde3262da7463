"""/v1/api_keys: made, shown once, listed, revoked, enabled again."""

from collections.abc import Mapping, Sequence

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.api_keys import CreateApiKey, EnableApiKey, KeyRequest, RevokeApiKey
from application.access.caller import Caller
from application.credits.quotas import standings
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from domain.errors import FieldFault
from domain.identifiers import ApiKeyId, NetworkId, Prefix, parse_id, public_id
from domain.organisation import ApiKey, Permission
from domain.quota import Subject, Window
from entrypoints.http import representations
from entrypoints.http.answers import answer, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, invalid, not_found
from entrypoints.http.pursued import CURSOR, LIMIT, PAGE
from entrypoints.http.rules import Ascending, Choice, Flag, Instant, Text, Whole
from entrypoints.http.services import AClock, AStore, Chains, Given

NAME = Field("name", Text(most=100), "To tell keys apart.", required=True, example="ci")
LIVE = Field("live", Flag(), "Whether it is for live networks; false by default.", example=False)
SCOPES = Field(
    "scopes",
    Ascending(of=Choice(among=Permission), most=len(Permission)),
    "What it may do; by default all that you may.",
    example=["deployments:read", "deployments:write"],
)
EXPIRES_AT = Field("expires_at", Instant(), "When it stops working; never by default.")
NETWORKS = Field(
    "networks",
    Ascending(of=Text(most=100), most=100),
    "Where it may issue; by default on every network of its mode.",
)
SPEND_CAP = Field(
    "spend_cap",
    Whole(least=0, most=2**53 - 1),
    "Credits that it may spend, ever; by default as much as you. `PUT /v1/quotas/{id}/ever` "
    "changes it.",
    example=500,
)
CREATE = Shape("ApiKeyRequest", (NAME, LIVE, SCOPES, EXPIRES_AT, NETWORKS, SPEND_CAP))


@post(
    "/v1/api_keys",
    sync_to_thread=True,
    opt=Operation(
        id="create_api_key", tag="api_keys", summary="Make an API key",
        description="`key` is shown in this answer and never again. It speaks `api_version` for "
        "ever: a repeat of what it has asked for before an upgrade is a repeat after it.",
        body=CREATE, answers="NewApiKey", status=201,
        codes=("validation_failed", "expiry_in_the_past", "mode_mismatch",
               "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def create_api_key(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    create: Given[CreateApiKey],
    store: AStore,
    chains: Chains,
    clock: AClock,
) -> Response[bytes]:
    require(caller, Permission.WRITE_API_KEYS)
    asked = CREATE.decode(request, body)
    networks = _networks(asked.get(NETWORKS), chains)
    new = granted(
        create(
            caller,
            KeyRequest(
                name=asked[NAME],
                live=asked.get(LIVE) or False,
                scopes=asked.get(SCOPES),
                expires_at=asked.get(EXPIRES_AT),
                networks=networks,
                spend_cap=asked.get(SPEND_CAP),
            ),
        )
    )
    (shown,) = _shown([new.key], caller, store, clock)
    return answer(shown | {"key": new.text}, 201)


@get(
    "/v1/api_keys",
    sync_to_thread=True,
    opt=Operation(
        id="list_api_keys", tag="api_keys", summary="API keys, newest first", query=PAGE,
        answers="ApiKeyPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_api_keys(
    request: AnyRequest, caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    require(caller, Permission.READ_API_KEYS)
    asked = PAGE.query(request)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.API_KEY, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (after is None or work.api_keys.get(ApiKeyId(after)) is None):
            raise bad_cursor()
        found = work.api_keys.list(PageRequest(limit=asked.get(LIMIT) or 20, after=after))
    items = _shown(found.items, caller, store, clock)
    last = public_id(Prefix.API_KEY, found.items[-1].id) if found.items else None
    return answer(page(items, has_more=found.has_more, last=last))


@post(
    "/v1/api_keys/{id:str}/revoke",
    sync_to_thread=True,
    opt=Operation(
        id="revoke_api_key", tag="api_keys", summary="Revoke an API key, at once and for good",
        body=NOTHING, answers="ApiKey", codes=("not_found", "custodian_unavailable"),
    ).opt,
    status_code=200,
)  # fmt: skip
def revoke_api_key(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    revoke: Given[RevokeApiKey],
    store: AStore,
    clock: AClock,
) -> Response[bytes]:
    require(caller, Permission.WRITE_API_KEYS)
    NOTHING.decode(request, body)
    parsed = parse_id(Prefix.API_KEY, id)
    if parsed is None:
        raise not_found("API key")
    key = granted(revoke(caller, ApiKeyId(parsed)))
    (shown,) = _shown([key], caller, store, clock)
    return answer(shown)


@post(
    "/v1/api_keys/{id:str}/enable",
    sync_to_thread=True,
    opt=Operation(
        id="enable_api_key", tag="api_keys",
        summary="Enable an API key that is dead because the operator has ended all access",
        description="By somebody who is logged in and may do all that the key may. See that it is "
        "in the right hands first: `needs_enabling` says which keys wait.",
        body=NOTHING, answers="ApiKey",
        codes=("not_found", "session_required", "api_key_over", "custodian_unavailable"),
    ).opt,
    status_code=200,
)  # fmt: skip
def enable_api_key(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    enable: Given[EnableApiKey],
    store: AStore,
    clock: AClock,
) -> Response[bytes]:
    require(caller, Permission.WRITE_API_KEYS)
    NOTHING.decode(request, body)
    parsed = parse_id(Prefix.API_KEY, id)
    if parsed is None:
        raise not_found("API key")
    key = granted(enable(caller, ApiKeyId(parsed)))
    (shown,) = _shown([key], caller, store, clock)
    return answer(shown)


HANDLERS = (create_api_key, list_api_keys, revoke_api_key, enable_api_key)


def _networks(
    names: frozenset[str] | None, chains: Mapping[NetworkId, Chain]
) -> frozenset[NetworkId] | None:
    """Raises: RefusedError: one of them is not offered here."""
    if names is None:
        return None
    if unknown := sorted(names - set(chains)):
        message = f"not offered here: {', '.join(unknown)}"
        raise invalid([FieldFault("/networks", "not_offered", message)])
    return frozenset(NetworkId(name) for name in names)


def _shown(
    keys: Sequence[ApiKey], caller: Caller, store: Store, clock: Clock
) -> list[representations.Document]:
    """With what they may spend, and have spent."""
    now = clock.now()
    with store.begin(caller.scope) as work:
        wanted = {Subject.key(key.id) for key in keys}
        caps = [
            quota
            for quota in work.quotas.all()
            if quota.window is Window.EVER and quota.subject in wanted
        ]
        found = {each.quota.subject: each for each in standings(work, caps, now)}
        epoch = work.access_epoch.current()
    return [
        representations.api_key(key, found.get(Subject.key(key.id)), epoch, now) for key in keys
    ]
