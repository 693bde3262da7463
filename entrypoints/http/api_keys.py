"""/v1/api_keys: made, shown once, listed, revoked."""

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.api_keys import CreateApiKey, KeyRequest, RevokeApiKey
from application.access.caller import Caller
from application.ports.storage.paging import PageRequest
from domain.identifiers import ApiKeyId, Prefix, parse_id, public_id
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.pursued import CURSOR, LIMIT, PAGE
from entrypoints.http.rules import Ascending, Choice, Flag, Instant, Text
from entrypoints.http.services import AClock, AStore, Given

NAME = Field("name", Text(most=100), "To tell keys apart.", required=True, example="ci")
LIVE = Field("live", Flag(), "Whether it is for live networks; false by default.", example=False)
SCOPES = Field(
    "scopes",
    Ascending(of=Choice(among=Permission), most=len(Permission)),
    "What it may do; by default all that you may.",
    example=["deployments:read", "deployments:write"],
)
EXPIRES_AT = Field("expires_at", Instant(), "When it stops working; never by default.")
CREATE = Shape("ApiKeyRequest", (NAME, LIVE, SCOPES, EXPIRES_AT))


@post(
    "/v1/api_keys",
    sync_to_thread=True,
    opt=Operation(
        id="create_api_key", tag="api_keys", summary="Make an API key",
        description="`key` is shown in this answer and never again.",
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
    clock: AClock,
) -> Response[bytes]:
    require(caller, Permission.WRITE_API_KEYS)
    asked = CREATE.decode(request, body)
    new = granted(
        create(
            caller,
            KeyRequest(
                name=asked[NAME],
                live=asked.get(LIVE) or False,
                scopes=asked.get(SCOPES),
                expires_at=asked.get(EXPIRES_AT),
            ),
        )
    )
    return answer(representations.api_key(new.key, clock.now()) | {"key": new.text}, 201)


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
    items = [representations.api_key(each, clock.now()) for each in found.items]
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
    clock: AClock,
) -> Response[bytes]:
    require(caller, Permission.WRITE_API_KEYS)
    NOTHING.decode(request, body)
    parsed = parse_id(Prefix.API_KEY, id)
    if parsed is None:
        raise not_found("API key")
    key = granted(revoke(caller, ApiKeyId(parsed)))
    return answer(representations.api_key(key, clock.now()))


HANDLERS = (create_api_key, list_api_keys, revoke_api_key)
