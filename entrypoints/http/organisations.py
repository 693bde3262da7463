"""/v1/organisations: who one is."""

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.ports.storage.work import Scope
from domain.identifiers import Prefix, parse_id
from domain.organisation import Member, Organisation, Permission
from entrypoints.http import representations
from entrypoints.http.answers import Json, answer_if_changed
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.operations import Operation
from entrypoints.http.problems import not_found
from entrypoints.http.services import AStore, Given
from entrypoints.http.short_lists import SHORT, cut, since


@get(
    "/v1/organisations",
    sync_to_thread=True,
    opt=Operation(
        id="list_organisations", tag="organisations", summary="Your organisations",
        query=SHORT, answers="OrganisationPage", is_polled=True, codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_organisations(
    request: AnyRequest, caller: Given[Caller], store: AStore
) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    if caller.user is not None:
        with store.begin(Scope(user=caller.user)) as work:
            mine = work.organisations.of_user()
        found: list[tuple[Organisation, Member | None]] = [*mine]
    else:
        with store.begin(caller.scope) as work:
            own = work.organisations.get()
        found = [(own, None)] if own is not None else []
    part = cut(found, request, _place)
    return answer_if_changed(part.shown(_shown), request)


def _place(found: tuple[Organisation, Member | None]) -> str:
    """By when one joined; a key sees one organisation only."""
    organisation, member = found
    return since((member or organisation).created_at, (member or organisation).id)


def _shown(found: tuple[Organisation, Member | None]) -> Json:
    organisation, member = found
    return representations.organisation(organisation, member.role if member else None)


@get(
    "/v1/organisations/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_organisation", tag="organisations", summary="The organisation you act for",
        answers="Organisation", is_polled=True, codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_organisation(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    with store.begin(caller.scope) as work:
        own = work.organisations.get()
    if own is None or parse_id(Prefix.ORGANISATION, id) != own.id:
        raise not_found("organisation")
    return answer_if_changed(representations.organisation(own), request)


HANDLERS = (list_organisations, get_organisation)
