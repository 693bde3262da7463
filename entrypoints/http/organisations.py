"""/v1/organisations and /v1/accounts: who one is, and what one issues from."""

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.ports.storage.work import Scope
from domain.identifiers import AccountId, Prefix, parse_id
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, page
from entrypoints.http.authentication import require
from entrypoints.http.operations import Operation
from entrypoints.http.problems import not_found
from entrypoints.http.services import AStore, Chains, Given


@get(
    "/v1/organisations",
    sync_to_thread=True,
    opt=Operation(
        id="list_organisations", tag="organisations", summary="Your organisations",
        answers="OrganisationPage",
    ).opt,
)  # fmt: skip
def list_organisations(caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    if caller.user is not None:
        with store.begin(Scope(user=caller.user)) as work:
            found = [(each, member.role) for each, member in work.organisations.of_user()]
        items = [representations.organisation(each, role) for each, role in found]
    else:
        with store.begin(caller.scope) as work:
            own = work.organisations.get()
        items = [representations.organisation(own)] if own is not None else []
    return answer(page(items, has_more=False, last=None))


@get(
    "/v1/organisations/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_organisation", tag="organisations", summary="The organisation you act for",
        answers="Organisation", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_organisation(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    with store.begin(caller.scope) as work:
        own = work.organisations.get()
    if own is None or parse_id(Prefix.ORGANISATION, id) != own.id:
        raise not_found("organisation")
    return answer(representations.organisation(own))


@get(
    "/v1/accounts",
    sync_to_thread=True,
    opt=Operation(
        id="list_accounts", tag="accounts", summary="Issuing accounts",
        description="The on-chain accounts your organisation issues from: one per family of "
        "networks and mode.",
        answers="AccountPage",
    ).opt,
)  # fmt: skip
def list_accounts(caller: Given[Caller], store: AStore, chains: Chains) -> Response[bytes]:
    require(caller, Permission.READ_DEPLOYMENTS)
    families = {chain.network.family for chain in chains.values()}
    modes = (False, True) if caller.live is None else (caller.live,)
    with store.begin(caller.scope) as work:
        found = [
            work.accounts.find(family, live=live)
            for family in sorted(families, key=lambda family: family.value)
            for live in modes
        ]
    items = [representations.account(each) for each in found if each is not None]
    return answer(page(items, has_more=False, last=None))


@get(
    "/v1/accounts/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_account", tag="accounts", summary="One issuing account", answers="Account",
        codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_account(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_DEPLOYMENTS)
    account_id = parse_id(Prefix.ACCOUNT, id)
    with store.begin(caller.scope) as work:
        found = work.accounts.get(AccountId(account_id)) if account_id else None
    if found is None:
        raise not_found("account")
    require(caller, Permission.READ_DEPLOYMENTS, live=found.live)
    return answer(representations.account(found))


HANDLERS = (list_organisations, get_organisation, list_accounts, get_account)
