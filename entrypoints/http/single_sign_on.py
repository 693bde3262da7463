"""/v1/auth/sso: sign in through the provider's log-in, and one's identities there.

Programs and pages start with POST and keep `flow_token` themselves.  A browser that has nothing of
ours starts with GET and keeps it in a cookie, which comes back with the callback and nowhere else.
Either way only whoever has started can finish, so that nobody is logged in as somebody who sent
them a link.
"""

from http.cookies import CookieError, SimpleCookie

from litestar import Response, delete, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.access.identities import FinishLinking, OwnIdentities, StartLinking
from application.access.register import LONGEST_PASSWORD
from application.access.sign_in_flow import ComingBack, Started, StartFlow
from application.access.single_sign_on import SignIn
from application.ports.identity_provider import Answer
from domain.audit import timestamp
from domain.identifiers import IdentityId, OrganisationId, Prefix, parse_id, public_id
from domain.sign_in import FLOW_LIFE, Identity
from entrypoints.http import representations
from entrypoints.http.access_tokens import AccessTokens
from entrypoints.http.answers import answer
from entrypoints.http.auth import ORGANISATION, tokens_of
from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape
from entrypoints.http.edge import request_id_of
from entrypoints.http.operations import TEXT, Operation
from entrypoints.http.problems import granted, not_found, refused
from entrypoints.http.rules import Text
from entrypoints.http.services import AClock, Given
from entrypoints.http.short_lists import SHORT, cut, since

#: RFC 6265bis: by its prefix it is this host's only, and no other page can have put it there.
COOKIE = "__Host-tallystick-sso"
_COOKIE_RULES = "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age="

NAME = Field(
    "organisation_name",
    Text(most=100),
    "What your organisation is to be called, if you turn out to be new.",
    example="Ada's Assets",
)
CODE = Field("code", Text(most=4096), "As the provider has sent it.", required=True)
STATE = Field("state", Text(most=200), "As the provider has sent it.", required=True)
ISSUER = Field("iss", Text(most=500), "As the provider has sent it, if it has.")
FLOW_TOKEN = Field("flow_token", Text(most=200), "Of the start; good once.", required=True)
PASSWORD = Field(
    "password", Text(most=LONGEST_PASSWORD, any_characters=True), "Your password.", required=True
)

START = Shape("SingleSignOnStart", (ORGANISATION, NAME))
COME_BACK = Shape("SingleSignOnAnswer", (CODE, STATE, ISSUER, FLOW_TOKEN))
LINK = Shape("IdentityLinkStart", (PASSWORD,))
#: For the documentation: providers send more than that, each its own.
CAME_BACK = Shape("SingleSignOnCallbackQuery", (CODE, STATE, ISSUER))

_START_CODES = ("sso_not_configured", "sso_unavailable", "sso_failed", "rate_limited")
_FINISH_CODES = (
    "sso_not_configured",
    "sso_unavailable",
    "sso_failed",
    "sso_not_allowed",
    "sso_not_linked",
    "organisation_needed",
    "rate_limited",
    "custodian_unavailable",
)


@get(
    "/v1/auth/sso/start",
    sync_to_thread=True,
    status_code=303,
    opt=Operation(
        id="open_sso", tag="auth", summary="Go to the provider's log-in, with a browser",
        description="Sets a cookie and leads to the provider, which leads back to "
        "`GET /v1/auth/sso/callback`.",
        query=START, answers=None, status=303, is_public=True,
        codes=(*_START_CODES, "validation_failed"),
    ).opt,
)  # fmt: skip
def open_sso(
    request: AnyRequest, start_sign_in: Given[StartFlow], source: Given[Source]
) -> Response[bytes]:
    asked = START.query(request)
    started = _started_for(start_sign_in, source, asked)
    life = int(FLOW_LIFE.total_seconds())
    headers = {
        "Location": started.url,
        "Set-Cookie": f"{COOKIE}={started.token}{_COOKIE_RULES}{life}",
    }
    return Response(b"", status_code=303, media_type=TEXT, headers=headers)


@get(
    "/v1/auth/sso/callback",
    sync_to_thread=True,
    opt=Operation(
        id="come_back_from_sso", tag="auth", summary="Where the provider leads a browser back to",
        description="With the cookie of the start. Members that a provider adds are ignored.",
        query=CAME_BACK, answers="Tokens", is_public=True, codes=_FINISH_CODES,
    ).opt,
)  # fmt: skip
def come_back_from_sso(
    request: AnyRequest,
    sign_in: Given[SignIn],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    back = ComingBack(
        token=_cookie(request),
        state=_sent(request, "state") or "",
        answer=Answer(code=_sent(request, "code") or "", issuer=_sent(request, "iss")),
        source=source.prefix,
        request_id=request_id_of(request.scope),
    )
    if not back.answer.code:
        raise refused("sso_failed", "the provider has let nobody in")
    opened = granted(sign_in(back))
    forget = {"Set-Cookie": f"{COOKIE}={_COOKIE_RULES}0"}
    return answer(tokens_of(opened, tokens, clock), headers=forget)


@post(
    "/v1/auth/sso/start",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="start_sso", tag="auth", summary="Begin to sign in through the provider",
        description="Lead whoever it is to `authorization_url`, and keep `flow_token` until they "
        "come back: nobody else must see it.",
        body=START, answers="SingleSignOn", is_public=True, codes=_START_CODES,
    ).opt,
)  # fmt: skip
def start_sso(
    request: AnyRequest, body: RawBody, start_sign_in: Given[StartFlow], source: Given[Source]
) -> Response[bytes]:
    asked = START.decode(request, body)
    started = _started_for(start_sign_in, source, asked)
    return answer(_started(started))


@post(
    "/v1/auth/sso/callback",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="finish_sso", tag="auth", summary="Sign in with what the provider has sent back",
        description="All of it is good once, also where this fails.",
        body=COME_BACK, answers="Tokens", is_public=True, codes=_FINISH_CODES,
    ).opt,
)  # fmt: skip
def finish_sso(
    request: AnyRequest,
    body: RawBody,
    sign_in: Given[SignIn],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    opened = granted(sign_in(_coming_back(request, body, source.prefix)))
    return answer(tokens_of(opened, tokens, clock))


@post(
    "/v1/auth/sso/link",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="start_linking", tag="auth", summary="Begin to link an identity at the provider",
        description="Takes your password. A wrong one counts like a failed log-in.",
        body=LINK, answers="SingleSignOn",
        codes=(*_START_CODES, "session_required", "invalid_credentials", "account_locked"),
    ).opt,
)  # fmt: skip
def start_linking(
    request: AnyRequest, body: RawBody, caller: Given[Caller], begin_linking: Given[StartLinking]
) -> Response[bytes]:
    asked = LINK.decode(request, body)
    return answer(_started(granted(begin_linking(caller, asked[PASSWORD]))))


@post(
    "/v1/auth/sso/link/confirm",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="finish_linking", tag="auth", summary="Link the identity that has come back",
        description="In the session in which it was begun. Your address is told of it.",
        body=COME_BACK, answers="Identity",
        codes=("session_required", "invalid_token", "sso_not_configured", "sso_unavailable",
               "sso_failed", "sso_not_allowed", "sso_already_linked", "address_not_verified",
               "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def finish_linking(
    request: AnyRequest, body: RawBody, caller: Given[Caller], link_identity: Given[FinishLinking]
) -> Response[bytes]:
    back = _coming_back(request, body, caller.source or "")
    return answer(_identity(granted(link_identity(caller, back))))


@get(
    "/v1/auth/identities",
    sync_to_thread=True,
    opt=Operation(
        id="list_identities", tag="auth", summary="Your identities at providers, oldest first",
        query=SHORT, answers="IdentityPage", codes=("session_required", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_identities(
    request: AnyRequest, caller: Given[Caller], identities: Given[OwnIdentities]
) -> Response[bytes]:
    found = granted(identities.all(caller))
    part = cut(found, request, lambda each: since(each.linked_at, each.id))
    return answer(part.shown(_identity))


@delete(
    "/v1/auth/identities/{id:str}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="unlink_identity", tag="auth", summary="Unlink an identity: it lets nobody in any more",
        description="Sessions stay; end them with `DELETE /v1/auth/sessions/{id}`.",
        answers=None, status=204,
        codes=("session_required", "not_found", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def unlink_identity(
    id: FromPath[str], caller: Given[Caller], identities: Given[OwnIdentities]
) -> None:
    parsed = parse_id(Prefix.IDENTITY, id)
    if caller.user is None:
        raise refused("session_required", "an API key has no identities")
    if parsed is None:
        raise not_found("identity")
    granted(identities.unlink(caller, IdentityId(parsed)))


HANDLERS = (
    open_sso,
    come_back_from_sso,
    start_sso,
    finish_sso,
    start_linking,
    finish_linking,
    list_identities,
    unlink_identity,
)


def _started_for(start: StartFlow, source: Source, asked: Decoded) -> Started:
    """Raises: RefusedError."""
    organisation = asked.get(ORGANISATION)
    wanted = OrganisationId(organisation) if organisation else None
    return granted(start(source.prefix, organisation=wanted, name=asked.get(NAME)))


def _coming_back(request: AnyRequest, body: bytes, source: str) -> ComingBack:
    asked = COME_BACK.decode(request, body)
    return ComingBack(
        token=asked[FLOW_TOKEN],
        state=asked[STATE],
        answer=Answer(code=asked[CODE], issuer=asked.get(ISSUER)),
        source=source,
        request_id=request_id_of(request.scope),
    )


def _sent(request: AnyRequest, name: str) -> str | None:
    """A member of the query.  Raises: RefusedError: it is there twice, or in no form of its."""
    found = request.query_params.getall(name, [])
    if len(found) > 1 or any(len(each) > 4096 for each in found):
        raise refused("sso_failed", f"`{name}` is no answer of a provider's")
    return found[0] if found else None


def _cookie(request: AnyRequest) -> str:
    found = SimpleCookie()
    try:
        found.load(request.headers.get("Cookie", ""))
    except CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""


def _started(started: Started) -> representations.Document:
    return {
        "authorization_url": started.url,
        "flow_token": started.token,
        "expires_at": timestamp(started.expires_at),
    }


def _identity(identity: Identity) -> representations.Document:
    return {
        "id": public_id(Prefix.IDENTITY, identity.id),
        "issuer": identity.issuer,
        "linked_at": timestamp(identity.linked_at),
    }
