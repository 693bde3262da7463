"""/v1/auth: register, verify an address, log in, go on, log out."""

from litestar import Response, get, post
from litestar.params import RawBody

from application.access.caller import Caller
from application.access.enrol import Registered
from application.access.log_in import Credentials, LogIn
from application.access.log_out import LogOut
from application.access.refresh import Refresh
from application.access.register import (
    LONGEST_EMAIL,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    LetterWritten,
    Register,
    Registration,
    canonical_email,
    faults_of,
)
from application.access.sessions import OpenSession
from application.access.verify import AskToVerify, Verification, VerifyAddress
from domain.identifiers import OrganisationId, Prefix, public_id
from entrypoints.http import representations
from entrypoints.http.access_tokens import LIFE, AccessTokens
from entrypoints.http.answers import answer
from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape, parse
from entrypoints.http.edge import request_id_of
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, invalid, refused
from entrypoints.http.rules import ChosenPassword, Email, PublicId, Text
from entrypoints.http.services import AClock, Given

EMAIL = Field(
    "email", Email(most=LONGEST_EMAIL), "Address that logs in.", required=True,
    example="you@example.com",
)  # fmt: skip
PASSWORD = Field(
    "password",
    ChosenPassword(least=SHORTEST_PASSWORD, most=LONGEST_PASSWORD),
    "At least 10 characters; length counts, not special characters.",
    required=True,
    example="correct horse battery staple",
)
NAME = Field(
    "organisation", Text(most=100), "Name of your organisation.", required=True,
    example="Ada's Assets",
)  # fmt: skip
ORGANISATION = Field(
    "organisation",
    PublicId(prefix=Prefix.ORGANISATION),
    "Which organisation the session acts for; needed by members of several.",
)
REFRESH_TOKEN = Field(
    "refresh_token", Text(most=500), "From the answer before; good once.", required=True
)

MAIL_TOKEN = Field("token", Text(most=500), "Of the letter; good once.", required=True)
ANY_PASSWORD = Field(
    "password", Text(most=LONGEST_PASSWORD, any_characters=True), "Your password.", required=True
)

VERIFICATION = Shape("Verification", (MAIL_TOKEN, ANY_PASSWORD))
REGISTRATION = Shape("Registration", (EMAIL, PASSWORD, NAME))
CREDENTIALS = Shape("Credentials", (EMAIL, ANY_PASSWORD, ORGANISATION))
REFRESHING = Shape("Refreshing", (REFRESH_TOKEN,))

LETTER_WRITTEN: representations.Document = {"status": "letter_written"}


@post(
    "/v1/auth/register",
    sync_to_thread=True,
    opt=Operation(
        id="register", tag="auth", summary="Register a user and their organisation",
        description="Where addresses are verified, the answer is always 202: a letter is sent, "
        "and its token finishes the registration (`POST /v1/auth/verify`). A development "
        "installation may do without: then 201, and the user, the organisation, its owner and its "
        "first credits are there.",
        body=REGISTRATION, answers="Registered", status=201, is_public=True,
        awaits="LetterWritten",
        codes=("email_taken", "rate_limited", "mail_not_configured", "custodian_unavailable",
               "busy"),
    ).opt,
)  # fmt: skip
def register(
    request: AnyRequest,
    body: RawBody,
    register_user: Given[Register],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    asked = _registration(request, body)
    answered = register_user(
        Registration(
            email=asked[EMAIL],
            password=asked[PASSWORD],
            organisation=asked[NAME],
            request_id=request_id_of(request.scope),
            source=source.prefix,
        )
    )
    if isinstance(answered, LetterWritten):
        return answer(LETTER_WRITTEN, 202)
    return answer(_registered(granted(answered), tokens, clock), 201)


@post(
    "/v1/auth/verify",
    sync_to_thread=True,
    opt=Operation(
        id="verify_address", tag="auth", summary="Verify an address, and log in",
        description="With the token of a letter, which is good once and for a day, and the "
        "password of whoever asked for it. Of a registration it creates the user, the "
        "organisation, its owner and its first credits.",
        body=VERIFICATION, answers="Registered", is_public=True,
        codes=("invalid_mail_token", "invalid_credentials", "account_locked", "email_taken",
               "rate_limited", "custodian_unavailable", "busy"),
    ).opt,
    status_code=200,
)  # fmt: skip
def verify_address(
    request: AnyRequest,
    body: RawBody,
    verify: Given[VerifyAddress],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    asked = VERIFICATION.decode(request, body)
    registered = granted(
        verify(
            Verification(
                token=asked[MAIL_TOKEN],
                password=asked[ANY_PASSWORD],
                source=source.prefix,
                request_id=request_id_of(request.scope),
            )
        )
    )
    return answer(_registered(registered, tokens, clock))


@post(
    "/v1/auth/verify/send",
    sync_to_thread=True,
    opt=Operation(
        id="send_verification", tag="auth", summary="Have a letter sent to verify your address",
        description="For whoever is logged in and not verified. A registration that is not "
        "finished is begun again instead.",
        body=NOTHING, answers="LetterWritten", status=202,
        codes=("session_required", "mail_not_configured", "custodian_unavailable"),
    ).opt,
    status_code=202,
)  # fmt: skip
def send_verification(
    request: AnyRequest, body: RawBody, caller: Given[Caller], ask_to_verify: Given[AskToVerify]
) -> Response[bytes]:
    NOTHING.decode(request, body)
    granted(ask_to_verify(caller))
    return answer(LETTER_WRITTEN, 202)


@post(
    "/v1/auth/login",
    sync_to_thread=True,
    opt=Operation(
        id="log_in", tag="auth", summary="Log in", body=CREDENTIALS, answers="Tokens",
        is_public=True,
        codes=("invalid_credentials", "account_locked", "organisation_needed", "rate_limited",
               "custodian_unavailable", "busy"),
    ).opt,
    status_code=200,
)  # fmt: skip
def log_in(
    request: AnyRequest,
    body: RawBody,
    log_user_in: Given[LogIn],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    asked = CREDENTIALS.decode(request, body)
    organisation = asked.get(ORGANISATION)
    opened = granted(
        log_user_in(
            Credentials(
                email=asked[EMAIL],
                password=asked[ANY_PASSWORD],
                organisation=OrganisationId(organisation) if organisation else None,
                source=source.prefix,
                request_id=request_id_of(request.scope),
            )
        )
    )
    return answer(tokens_of(opened, tokens, clock))


@post(
    "/v1/auth/refresh",
    sync_to_thread=True,
    opt=Operation(
        id="refresh", tag="auth", summary="Go on with a session",
        description="A refresh token is good once. For ten seconds its use may be repeated, for "
        "an answer that got lost; later, its use revokes the session.",
        body=REFRESHING, answers="Tokens", is_public=True,
        codes=("invalid_refresh_token", "refresh_token_reused", "rate_limited",
               "custodian_unavailable"),
    ).opt,
    status_code=200,
)  # fmt: skip
def refresh(
    request: AnyRequest,
    body: RawBody,
    refresh_session: Given[Refresh],
    tokens: Given[AccessTokens],
    clock: AClock,
    source: Given[Source],
) -> Response[bytes]:
    asked = REFRESHING.decode(request, body)
    request_id = request_id_of(request.scope)
    opened = granted(refresh_session(asked[REFRESH_TOKEN], request_id, source.prefix))
    return answer(tokens_of(opened, tokens, clock))


@post(
    "/v1/auth/logout",
    sync_to_thread=True,
    opt=Operation(
        id="log_out", tag="auth", summary="End the session", body=NOTHING, answers=None,
        status=204, codes=("session_required", "custodian_unavailable"),
    ).opt,
    status_code=204,
)  # fmt: skip
def log_out(
    request: AnyRequest, body: RawBody, caller: Given[Caller], log_user_out: Given[LogOut]
) -> Response[None]:
    NOTHING.decode(request, body)
    if caller.session is None:
        raise refused("session_required", "an API key has no session; revoke the key instead")
    log_user_out(caller)
    return Response(None, status_code=204)


@get(
    "/.well-known/jwks.json",
    sync_to_thread=True,
    opt=Operation(
        id="get_jwks", tag="auth", summary="Public keys of access tokens", answers="Jwks",
        is_public=True, is_limited=False,
    ).opt,
)  # fmt: skip
def get_jwks(tokens: Given[AccessTokens]) -> Response[bytes]:
    return answer(tokens.jwks())


HANDLERS = (register, verify_address, send_verification, log_in, refresh, log_out, get_jwks)


def _registration(request: AnyRequest, body: bytes) -> Decoded:
    """The registration, or every fault of it: those of its form and those of its content."""
    asked, faults = REGISTRATION.examine(parse(request, body))
    of_form = {fault.pointer for fault in faults}
    of_content = faults_of(
        canonical_email(asked.get(EMAIL) or ""), asked.get(PASSWORD) or "", asked.get(NAME) or ""
    )
    faults += [fault for fault in of_content if fault.pointer not in of_form]
    if faults:
        raise invalid(faults)
    return asked


def _registered(
    registered: Registered, tokens: AccessTokens, clock: AClock
) -> representations.Document:
    return {
        "user": representations.user(registered.user),
        "organisation": representations.organisation(
            registered.organisation, registered.member.role
        ),
        "member": representations.member(registered.member),
        "tokens": tokens_of(registered.open, tokens, clock),
    }


def tokens_of(
    opened: OpenSession, tokens: AccessTokens, clock: AClock
) -> representations.Document:
    session = opened.session
    return {
        "access_token": tokens.issue(session.user, session.id, clock.now()),
        "token_type": "Bearer",
        "expires_in": int(LIFE.total_seconds()),
        "refresh_token": opened.refresh_token,
        "session": public_id(Prefix.SESSION, session.id),
        "user": public_id(Prefix.USER, session.user),
        "organisation": public_id(Prefix.ORGANISATION, session.organisation),
    }
