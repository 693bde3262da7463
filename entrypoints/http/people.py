"""/v1/teams, /v1/quotas and /v1/credits/gifts: who may spend how much, and giving it away."""

from litestar import Response, delete, get, post, put
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.credits.quotas import standings
from application.people.gifts import GiftRequest, SendGift
from application.people.teams_and_quotas import ChangeQuotas, ChangeTeams
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from domain.errors import FieldFault
from domain.identifiers import ApiKeyId, GiftId, MemberId, OrganisationId, Prefix, TeamId, parse_id
from domain.organisation import Permission
from domain.quota import Subject, Window
from entrypoints.http import people_representations as representations
from entrypoints.http.answers import answer, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import Operation
from entrypoints.http.problems import granted, invalid, not_found
from entrypoints.http.pursued import CURSOR, KEYED, LIMIT, PAGE
from entrypoints.http.rules import Ascending, Choice, OneOfIds, PublicId, Text, Whole
from entrypoints.http.services import AClock, AStore, Given
from entrypoints.http.short_lists import SHORT, cut, since

_MOST_MEMBERS = 1_000
_MOST_CREDITS = 2**53 - 1

NAME = Field("name", Text(most=100), "What it is called.", required=True, example="Deployers")
MEMBERS = Field(
    "members",
    Ascending(of=PublicId(prefix=Prefix.MEMBER), most=_MOST_MEMBERS),
    "Members of your organisation; none by default.",
)
ALL_MEMBERS = Field(
    "members",
    Ascending(of=PublicId(prefix=Prefix.MEMBER), most=_MOST_MEMBERS),
    "All members that it has from now on.",
    required=True,
)
TEAM = Shape("TeamRequest", (NAME, MEMBERS))
CHANGED_TEAM = Shape("TeamChange", (NAME, ALL_MEMBERS))
MOST = Field(
    "limit", Whole(least=0, most=_MOST_CREDITS), "Credits per window.", required=True, example=100
)
QUOTA = Shape("QuotaRequest", (MOST,))
TO = Field(
    "to",
    OneOfIds(prefixes=(Prefix.ORGANISATION, Prefix.MEMBER)),
    "Another organisation, which gets credits that you paid for; or a member of yours, whose "
    "quota grows by a part of your own.",
    required=True,
)
CREDITS = Field(
    "credits", Whole(least=1, most=_MOST_CREDITS), "How many.", required=True, example=100
)
MESSAGE = Field("message", Text(most=280), "For the other organisation.")
WINDOW = Field(
    "window",
    Choice(among=Window, withheld=frozenset({Window.EVER})),
    "For a member: of which quota; `month` by default.",
)
GIFT = Shape("GiftRequest", (TO, CREDITS, MESSAGE, WINDOW), exclusive=((MESSAGE, WINDOW),))


@get(
    "/v1/teams",
    sync_to_thread=True,
    opt=Operation(
        id="list_teams", tag="people", summary="Teams, oldest first", query=SHORT,
        is_brief=True,
        answers="TeamPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_teams(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    with store.begin(caller.scope) as work:
        found = work.teams.all()
    part = cut(found, request, lambda each: since(each.created_at, each.id))
    return answer(part.shown(representations.team))


@post(
    "/v1/teams",
    sync_to_thread=True,
    opt=Operation(
        id="create_team", tag="people", summary="Make a team", body=TEAM, answers="Team",
        is_brief=True,
        status=201, needs_idempotency_key=True, codes=(*KEYED, "member_not_found", "not_found"),
    ).opt,
)  # fmt: skip
def create_team(
    request: AnyRequest, body: RawBody, caller: Given[Caller], change_teams: Given[ChangeTeams]
) -> Response[bytes]:
    require(caller, Permission.WRITE_CREDITS)
    named = _named(request, "POST /v1/teams")
    asked = TEAM.decode(request, body)
    members = frozenset(MemberId(each) for each in asked.get(MEMBERS) or ())
    mark = fingerprint(caller, request, asked.body)
    made = granted(change_teams.create(caller, asked[NAME], members, named, mark))
    shown = representations.team(made.value)
    headers = {"Location": f"/v1/teams/{shown['id']}", **_replayed(made.replayed)}
    return answer(shown, 201, headers)


@get(
    "/v1/teams/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_team", tag="people", summary="One team", answers="Team", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_team(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    parsed = _team(id)
    with store.begin(caller.scope) as work:
        found = work.teams.get(parsed)
    if found is None:
        raise not_found("team")
    return answer(representations.team(found))


@put(
    "/v1/teams/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="change_team", tag="people", summary="Rename a team, or change who is in it",
        description="Whoever joins counts for its quotas from now on. What those who leave have "
        "taken goes on counting.",
        body=CHANGED_TEAM, answers="Team", codes=("not_found", "member_not_found"),
    ).opt,
)  # fmt: skip
def change_team(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    change_teams: Given[ChangeTeams],
) -> Response[bytes]:
    require(caller, Permission.WRITE_CREDITS)
    parsed = _known_team(id, caller, store)
    asked = CHANGED_TEAM.decode(request, body)
    members = frozenset(MemberId(each) for each in asked[ALL_MEMBERS])
    return answer(
        representations.team(granted(change_teams.change(caller, parsed, asked[NAME], members)))
    )


@delete(
    "/v1/teams/{id:str}",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="dissolve_team", tag="people", summary="Dissolve a team",
        description="Its quotas bind nobody any more.",
        answers="Team", codes=("not_found",),
    ).opt,
)  # fmt: skip
def dissolve_team(
    id: FromPath[str], caller: Given[Caller], change_teams: Given[ChangeTeams]
) -> Response[bytes]:
    require(caller, Permission.WRITE_CREDITS)
    return answer(representations.team(granted(change_teams.dissolve(caller, _team(id)))))


@get(
    "/v1/quotas",
    sync_to_thread=True,
    opt=Operation(
        id="list_quotas", tag="people", summary="Quotas, and what is left of them now",
        query=SHORT, answers="QuotaPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_quotas(
    request: AnyRequest, caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    with store.begin(caller.scope) as work:
        part = cut(
            work.quotas.all(), request, lambda each: f"{each.subject.name} {each.window.value}"
        )
        found = standings(work, part.items, clock.now())
    items = [representations.quota(each) for each in found]
    return answer(page(items, has_more=part.has_more, last=part.last))


@put(
    "/v1/quotas/{id:str}/{window:str}",
    sync_to_thread=True,
    opt=Operation(
        id="set_quota", tag="people", summary="Limit what a member or a team may spend",
        description="`id` is a member's, a team's or an API key's; `window` is day, month (both "
        "UTC), period (what the tariff's credits are given for) or ever. A quota is a limit and "
        "owns no credits: what is held or was captured of the window's holds counts, also what "
        "was taken before the quota was set.",
        body=QUOTA, answers="Quota", codes=("not_found", "session_required"),
    ).opt,
)  # fmt: skip
def set_quota(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    window: FromPath[str],
    caller: Given[Caller],
    change_quotas: Given[ChangeQuotas],
    store: AStore,
) -> Response[bytes]:
    require(caller, Permission.WRITE_CREDITS)
    subject, wanted = _subject(id), _window(window)
    _require_subject(subject, caller, store)
    asked = QUOTA.decode(request, body)
    standing = granted(change_quotas.set(caller, subject, wanted, asked[MOST]))
    return answer(representations.quota(standing))


@delete(
    "/v1/quotas/{id:str}/{window:str}",
    sync_to_thread=True,
    status_code=204,
    opt=Operation(
        id="remove_quota", tag="people", summary="Take a limit away", answers=None, status=204,
        codes=("not_found", "session_required"),
    ).opt,
)  # fmt: skip
def remove_quota(
    id: FromPath[str],
    window: FromPath[str],
    caller: Given[Caller],
    change_quotas: Given[ChangeQuotas],
) -> None:
    require(caller, Permission.WRITE_CREDITS)
    granted(change_quotas.remove(caller, _subject(id), _window(window)))


@post(
    "/v1/credits/gifts",
    sync_to_thread=True,
    opt=Operation(
        id="send_gift", tag="people", summary="Give credits away, or a part of your quota",
        description="To another organisation: credits of packs, with their expiry; the gift "
        "arrives a moment later, and comes back if there is no such organisation. To a member of "
        "your organisation: the answer is your quota after a part of it was moved, for its "
        "current window only.",
        body=GIFT, answers="GiftOrQuota", status=201, needs_idempotency_key=True,
        codes=(*KEYED, "gift_to_self", "gift_cap_exceeded", "licence_core_off",
               "insufficient_credits",
               "debt_outstanding", "member_not_found", "quota_not_set", "quota_exceeded",
               "not_found"),
    ).opt,
)  # fmt: skip
def send_gift(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    give: Given[SendGift],
    change_quotas: Given[ChangeQuotas],
) -> Response[bytes]:
    require(caller, Permission.WRITE_CREDITS)
    named = _named(request, "POST /v1/credits/gifts")
    asked = GIFT.decode(request, body)
    (prefix, to), amount = asked[TO], asked[CREDITS]
    mark = fingerprint(caller, request, asked.body)
    if prefix is Prefix.MEMBER:
        if asked.get(MESSAGE) is not None:
            raise invalid([FieldFault("/message", "conflicting_fields", "excludes a member")])
        window = asked.get(WINDOW) or Window.MONTH
        moved = granted(change_quotas.pass_on(caller, MemberId(to), window, amount, named, mark))
        return answer(representations.quota(moved.value), 201, _replayed(moved.replayed))
    if asked.get(WINDOW) is not None:
        raise invalid([FieldFault("/window", "conflicting_fields", "excludes an organisation")])
    wanted = GiftRequest(to=OrganisationId(to), amount=amount, message=asked.get(MESSAGE))
    sent = granted(give(caller, wanted, named, mark))
    headers = {"Location": f"/v1/credits/gifts/{sent.value.name}", **_replayed(sent.replayed)}
    return answer(representations.gift(sent.value), 201, headers)


@get(
    "/v1/credits/gifts",
    sync_to_thread=True,
    opt=Operation(
        id="list_gifts", tag="people", summary="Gifts sent and received, newest first",
        query=PAGE, answers="GiftPage", codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_gifts(request: AnyRequest, caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    asked = PAGE.query(request)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.GIFT, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (after is None or work.gifts.get(GiftId(after)) is None):
            raise bad_cursor()
        found = work.gifts.page(PageRequest(limit=asked.get(LIMIT) or 20, after=after))
    last = found.items[-1].name if found.items else None
    items = [representations.gift(each) for each in found.items]
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/credits/gifts/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_gift", tag="people", summary="One gift, sent or received", answers="Gift",
        codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_gift(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    parsed = parse_id(Prefix.GIFT, id)
    with store.begin(caller.scope) as work:
        found = work.gifts.get(GiftId(parsed)) if parsed else None
    if found is None:
        raise not_found("gift")
    return answer(representations.gift(found))


HANDLERS = (
    list_teams,
    create_team,
    get_team,
    change_team,
    dissolve_team,
    list_quotas,
    set_quota,
    remove_quota,
    send_gift,
    list_gifts,
    get_gift,
)


def _named(request: AnyRequest, route: str) -> IdempotencyKey:
    """Credits have no mode: neither has what moves them."""
    return IdempotencyKey(live=False, route=route, key=idempotency_key(request))


def _replayed(is_replayed: bool) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if is_replayed else {}


def _team(text: str) -> TeamId:
    parsed = parse_id(Prefix.TEAM, text)
    if parsed is None:
        raise not_found("team")
    return TeamId(parsed)


def _known_team(text: str, caller: Caller, store: Store) -> TeamId:
    """Raises: RefusedError: there is none, before the body is looked at."""
    id = _team(text)
    with store.begin(caller.scope) as work:
        found = work.teams.get(id)
    if found is None:
        raise not_found("team")
    return id


def _subject(text: str) -> Subject:
    for prefix in (Prefix.MEMBER, Prefix.TEAM, Prefix.API_KEY):
        id = parse_id(prefix, text)
        if id is not None:
            return Subject(kind=prefix, id=id)
    raise not_found("quota")


def _require_subject(subject: Subject, caller: Caller, store: Store) -> None:
    """Raises: RefusedError: there is none, before the body is looked at."""
    with store.begin(caller.scope) as work:
        match subject.kind:
            case Prefix.MEMBER:
                is_there = work.teams.are_members([MemberId(subject.id)])
            case Prefix.API_KEY:
                is_there = work.api_keys.get(ApiKeyId(subject.id)) is not None
            case _:
                is_there = work.teams.get(TeamId(subject.id)) is not None
        if not is_there:
            raise not_found("quota")


def _window(text: str) -> Window:
    try:
        return Window(text)
    except ValueError as error:
        raise not_found("quota") from error
