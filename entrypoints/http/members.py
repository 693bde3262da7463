"""/v1/members and /v1/invitations: who is in an organisation, and how they come and go."""

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.access.register import LONGEST_EMAIL
from application.people.members import (
    AcceptInvitation,
    ChangeMember,
    Invitation,
    Invite,
    ListMembers,
)
from domain.audit import timestamp
from domain.identifiers import LetterId, MemberId, Prefix, parse_id
from domain.organisation import Permission, Role
from entrypoints.http import representations
from entrypoints.http.answers import answer, page
from entrypoints.http.auth import MAIL_TOKEN
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, not_found
from entrypoints.http.rules import Choice, Email
from entrypoints.http.services import AStore, Given
from entrypoints.http.short_lists import SHORT, cut, since

EMAIL = Field(
    "email", Email(most=LONGEST_EMAIL), "Whom the letter goes to.", required=True,
    example="grace@example.com",
)  # fmt: skip
ROLE = Field("role", Choice(among=Role), "What they may do.", required=True, example="issuer")

INVITE = Shape("InvitationRequest", (EMAIL, ROLE))
ACCEPT = Shape("InvitationAcceptance", (MAIL_TOKEN,))
CHANGE = Shape("MemberChange", (ROLE,))


@get(
    "/v1/members",
    sync_to_thread=True,
    opt=Operation(
        id="list_members", tag="members", summary="Members of your organisation, oldest first",
        query=SHORT, answers="MemberPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_members(
    request: AnyRequest, caller: Given[Caller], members: Given[ListMembers]
) -> Response[bytes]:
    require(caller, Permission.READ_MEMBERS)
    found = cut(members(caller), request, lambda each: since(each.created_at, each.id))
    items = [
        representations.member(each) | {"email": user.email}
        for each in found.items
        if (user := members.user_of(each)) is not None
    ]
    return answer(page(items, has_more=found.has_more, last=found.last))


@patch(
    "/v1/members/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="change_member", tag="members", summary="Give a member another role",
        description="It counts at once; API keys that they made may do no more than they.",
        body=CHANGE, answers="Member", codes=("session_required", "not_found", "last_owner"),
    ).opt,
)  # fmt: skip
def change_member(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    changing: Given[ChangeMember],
) -> Response[bytes]:
    require(caller, Permission.WRITE_MEMBERS)
    parsed = _member(id)
    with store.begin(caller.scope) as work:
        if all(each.id != parsed for each in work.members.all()):
            raise not_found("member")
    asked = CHANGE.decode(request, body)
    return answer(representations.member(granted(changing.role(caller, parsed, asked[ROLE]))))


@delete(
    "/v1/members/{id:str}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="remove_member", tag="members", summary="Remove a member, or leave",
        description="Their sessions for this organisation end, and API keys that they made are "
        "revoked. Anybody may remove themselves, but the last owner.",
        answers=None, status=204, codes=("session_required", "not_found", "last_owner"),
    ).opt,
)  # fmt: skip
def remove_member(id: FromPath[str], caller: Given[Caller], changing: Given[ChangeMember]) -> None:
    granted(changing.remove(caller, _member(id)))


@post(
    "/v1/members/invitations",
    sync_to_thread=True,
    opt=Operation(
        id="invite_member", tag="members", summary="Invite somebody by mail",
        description="The letter's token is good for a week, for whoever is registered with that "
        "address.",
        body=INVITE, answers="Invitation", status=201,
        codes=("session_required", "mail_not_configured", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def invite_member(
    request: AnyRequest, body: RawBody, caller: Given[Caller], inviting: Given[Invite]
) -> Response[bytes]:
    require(caller, Permission.WRITE_MEMBERS)
    asked = INVITE.decode(request, body)
    return answer(_invitation(granted(inviting(caller, asked[EMAIL], asked[ROLE]))), 201)


@get(
    "/v1/members/invitations",
    sync_to_thread=True,
    opt=Operation(
        id="list_invitations", tag="members", summary="Invitations that may be accepted",
        query=SHORT, answers="InvitationPage",
        codes=("custodian_unavailable", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_invitations(
    request: AnyRequest, caller: Given[Caller], inviting: Given[Invite]
) -> Response[bytes]:
    found = granted(inviting.open(caller))
    part = cut(found, request, lambda each: since(each.letter.written_at, each.letter.id))
    return answer(part.shown(_invitation))


@delete(
    "/v1/members/invitations/{id:str}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="withdraw_invitation", tag="members", summary="Withdraw an invitation",
        answers=None, status=204, codes=("session_required", "not_found"),
    ).opt,
)  # fmt: skip
def withdraw_invitation(id: FromPath[str], caller: Given[Caller], inviting: Given[Invite]) -> None:
    parsed = parse_id(Prefix.LETTER, id)
    if parsed is None:
        raise not_found("invitation")
    granted(inviting.withdraw(caller, LetterId(parsed)))


@post(
    "/v1/invitations/accept",
    sync_to_thread=True,
    opt=Operation(
        id="accept_invitation", tag="members", summary="Become a member",
        description="With the token of the letter, by whoever is logged in with the address that "
        "it was sent to. `POST /v1/auth/switch` has the session act for that organisation.",
        body=ACCEPT, answers="Member", status=201,
        codes=("session_required", "invalid_mail_token", "invitation_for_another",
               "member_already", "custodian_unavailable"),
    ).opt,
)  # fmt: skip
def accept_invitation(
    request: AnyRequest, body: RawBody, caller: Given[Caller], accept: Given[AcceptInvitation]
) -> Response[bytes]:
    asked = ACCEPT.decode(request, body)
    return answer(representations.member(granted(accept(caller, asked[MAIL_TOKEN]))), 201)


HANDLERS = (
    list_members,
    change_member,
    remove_member,
    invite_member,
    list_invitations,
    withdraw_invitation,
    accept_invitation,
)


def _member(text: str) -> MemberId:
    parsed = parse_id(Prefix.MEMBER, text)
    if parsed is None:
        raise not_found("member")
    return MemberId(parsed)


def _invitation(each: Invitation) -> representations.Document:
    letter = each.letter
    return {
        "id": letter.name,
        "email": each.email,
        "role": each.role.value if each.role else None,
        "state": letter.state.value,
        "invited_at": timestamp(letter.written_at),
        "expires_at": timestamp(letter.expires_at),
    }
