"""/v1/auth: a forgotten or changed password, one's sessions, and the organisation one acts for."""

from litestar import Response, delete, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.access.own_sessions import EndSession, SwitchOrganisation
from application.access.passwords import (
    AskForPassword,
    ChangePassword,
    NewPassword,
    ResetPassword,
)
from application.access.register import LONGEST_EMAIL, LONGEST_PASSWORD
from application.ports.storage.work import Scope
from domain.identifiers import OrganisationId, Prefix, SessionId, parse_id
from entrypoints.http import representations
from entrypoints.http.answers import answer
from entrypoints.http.auth import LETTER_WRITTEN, MAIL_TOKEN, PASSWORD
from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.edge import request_id_of
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, not_found, refused
from entrypoints.http.rules import PublicId, Text
from entrypoints.http.services import AClock, AStore, Given
from entrypoints.http.short_lists import SHORT, cut, since

EMAIL = Field(
    "email", Text(most=LONGEST_EMAIL), "Whose password is forgotten.", required=True,
    example="you@example.com",
)  # fmt: skip
CURRENT = Field(
    "current_password",
    Text(most=LONGEST_PASSWORD, any_characters=True),
    "The one that is good now.",
    required=True,
)
ORGANISATION = Field(
    "organisation", PublicId(prefix=Prefix.ORGANISATION), "One that you are in.", required=True
)

FORGOTTEN = Shape("PasswordForgotten", (EMAIL,))
RESET = Shape("PasswordReset", (MAIL_TOKEN, PASSWORD))
CHANGE = Shape("PasswordChange", (CURRENT, PASSWORD))
SWITCH = Shape("OrganisationSwitch", (ORGANISATION,))


@post(
    "/v1/auth/password/reset",
    sync_to_thread=True,
    opt=Operation(
        id="ask_for_password", tag="auth", summary="Have a letter sent for a forgotten password",
        description="The answer is the same for every address; the letter is sent to whoever is "
        "registered with it, three times in an hour at most.",
        body=FORGOTTEN, answers="LetterWritten", status=202, is_public=True,
        codes=("rate_limited", "mail_not_configured", "custodian_unavailable"),
    ).opt,
    status_code=202,
)  # fmt: skip
def ask_for_password(
    request: AnyRequest,
    body: RawBody,
    ask_for_password_letter: Given[AskForPassword],
    source: Given[Source],
) -> Response[bytes]:
    asked = FORGOTTEN.decode(request, body)
    granted(ask_for_password_letter(asked[EMAIL], source.prefix))
    return answer(LETTER_WRITTEN, 202)


@post(
    "/v1/auth/password/reset/confirm",
    sync_to_thread=True,
    opt=Operation(
        id="reset_password", tag="auth", summary="Choose a new password with a letter's token",
        description="The token is good once, for an hour. All sessions end, and so do the tokens "
        "of other letters; the address counts as verified.",
        body=RESET, answers=None, status=204, is_public=True,
        codes=("invalid_mail_token", "rate_limited", "custodian_unavailable", "busy"),
    ).opt,
    status_code=204,
)  # fmt: skip
def reset_password(
    request: AnyRequest, body: RawBody, reset: Given[ResetPassword], source: Given[Source]
) -> Response[None]:
    asked = RESET.decode(request, body)
    granted(
        reset(
            NewPassword(
                token=asked[MAIL_TOKEN],
                password=asked[PASSWORD],
                source=source.prefix,
                request_id=request_id_of(request.scope),
            )
        )
    )
    return Response(None, status_code=204)


@post(
    "/v1/auth/password",
    sync_to_thread=True,
    opt=Operation(
        id="change_password", tag="auth", summary="Change your password",
        description="Your other sessions end. A wrong current password counts like a failed "
        "log-in.",
        body=CHANGE, answers=None, status=204,
        codes=("session_required", "invalid_credentials", "account_locked",
               "custodian_unavailable", "busy"),
    ).opt,
    status_code=204,
)  # fmt: skip
def change_password(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    change_own_password: Given[ChangePassword],
) -> Response[None]:
    asked = CHANGE.decode(request, body)
    granted(change_own_password(caller, asked[CURRENT], asked[PASSWORD]))
    return Response(None, status_code=204)


@get(
    "/v1/auth/sessions",
    sync_to_thread=True,
    opt=Operation(
        id="list_sessions", tag="auth", summary="Your sessions, newest first",
        query=SHORT, answers="SessionPage", codes=("session_required", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_sessions(
    request: AnyRequest, caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    if caller.user is None:
        raise refused("session_required", "an API key has no sessions")
    with store.begin(Scope(user=caller.user)) as work:
        found = work.sessions.all(clock.now())
    part = cut(found, request, lambda each: since(each.created_at, each.id), newest_first=True)
    return answer(part.shown(lambda each: representations.session(each, caller.session)))


@delete(
    "/v1/auth/sessions/{id:str}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="end_session", tag="auth", summary="End one of your sessions, at once",
        answers=None, status=204,
        codes=("session_required", "not_found", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def end_session(
    id: FromPath[str], caller: Given[Caller], end_own_session: Given[EndSession]
) -> None:
    if caller.user is None:
        raise refused("session_required", "an API key has no sessions")
    parsed = parse_id(Prefix.SESSION, id)
    if parsed is None:
        raise not_found("session")
    granted(end_own_session(caller, SessionId(parsed)))


@post(
    "/v1/auth/switch",
    sync_to_thread=True,
    opt=Operation(
        id="switch_organisation", tag="auth",
        summary="Have your session act for another organisation of yours",
        description="Tokens stay good: they name the session only.",
        body=SWITCH, answers="Session",
        codes=("session_required", "not_found", "custodian_unavailable"),
    ).opt,
    status_code=200,
)  # fmt: skip
def switch_organisation(
    request: AnyRequest, body: RawBody, caller: Given[Caller], switch: Given[SwitchOrganisation]
) -> Response[bytes]:
    asked = SWITCH.decode(request, body)
    session = granted(switch(caller, OrganisationId(asked[ORGANISATION])))
    return answer(representations.session(session, caller.session))


HANDLERS = (
    ask_for_password,
    reset_password,
    change_password,
    list_sessions,
    end_session,
    switch_organisation,
)
