"""/v1/accounts: what one issues from, and what is done to its keys."""

from collections.abc import Sequence

from litestar import Response, get, post, put
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.keys.adopt import AdoptAddress
from application.keys.derive import (
    LONGEST_PASSPHRASE,
    SHORTEST_PASSPHRASE,
    DeriveAccounts,
    Passphrase,
)
from application.keys.give_up import GiveUpPassphrase
from application.keys.handed import handed_to_key_of
from application.keys.request import ChooseCustodian, KeyWish, RequestKeyChange, SwitchAccount
from application.keys.withdraw import WithdrawKeyChange
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from domain.account import Account
from domain.audit import timestamp
from domain.deployment import Deployment
from domain.errors import FieldFault
from domain.identifiers import (
    AccountId,
    KeyChangeId,
    KeyRef,
    NetworkId,
    Prefix,
    parse_id,
    public_id,
)
from domain.key_change import KeyAction, KeyChange
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer, answer_if_changed, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.passwords_and_sessions import CURRENT
from entrypoints.http.problems import granted, invalid, not_found
from entrypoints.http.pursued import CURSOR, KEYED, LIMIT, PAGE, token_id
from entrypoints.http.rules import Choice, ChosenPassword, Text, Whole
from entrypoints.http.services import AStore, Chains, Given
from entrypoints.http.short_lists import SHORT, cut

ACTION = Field(
    "action", Choice(among=KeyAction),
    "`rotate`: the next key at the same custodian. `move`: a key at another one. `add`: an "
    "address of its own at another one, for requests that name that custodian. `rekey`: "
    "networks, or tokens, that obey an earlier key obey the account's own. `disable`: a key signs "
    "nothing any more, for ever.", required=True, example="rotate",
)  # fmt: skip
CUSTODIAN = Field(
    "custodian",
    Text(most=32, ascii_only=True),
    "Where to move to, or to add one: `vault`.",
    example="vault",
)
KEY = Field(
    "key", Text(most=200, ascii_only=True), "Which one to disable, by its `key` in `keys`."
)
PASSPHRASE = Field(
    "passphrase",
    ChosenPassword(least=SHORTEST_PASSPHRASE, most=LONGEST_PASSPHRASE),
    "At least 16 characters, and not your password. It is stored nowhere, cannot be changed, and "
    "whoever guesses it has the accounts.",
    required=True,
    example="seven brown foxes under one green umbrella",
)
SLOT = Field(
    "slot", Whole(least=0, most=2**31 - 1),
    "Which account of the passphrase; they count from 0, which it is by default.",
)  # fmt: skip
DERIVING = Shape("SigningPassphrase", (CURRENT, PASSPHRASE, SLOT))
ADDRESS = Field(
    "address", Text(most=100, ascii_only=True), "What was made elsewhere, and obeys the account's "
    "own key on that network.", required=True,
    example="5AHWQJ5D52K4GRW4JWQ5GMR53F7PDSJEGT4PXVFSBQYE7VXDVG3WSPWSBM",
)  # fmt: skip
NETWORK = Field(
    "network", Text(most=128), "Where it obeys it (CAIP-2).", required=True,
    example="algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k",
)  # fmt: skip
ADOPTION = Shape("Adoption", (ADDRESS, NETWORK))
CHOICE = Shape("CustodianWish", (CUSTODIAN,))
CHANGE = Shape("KeyChangeRequest", (ACTION, CUSTODIAN, KEY))


@get(
    "/v1/accounts",
    sync_to_thread=True,
    opt=Operation(
        id="list_accounts", tag="accounts", summary="Issuing accounts",
        is_brief=True,
        description="The on-chain accounts your organisation issues from: one per family of "
        "networks and mode.",
        query=SHORT, answers="AccountPage", is_polled=True, codes=("validation_failed",),
    ).opt,
)  # fmt: skip
def list_accounts(
    request: AnyRequest, caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    require(caller, Permission.READ_DEPLOYMENTS)
    families = {chain.network.family for chain in chains.values()}
    modes = (False, True) if caller.live is None else (caller.live,)
    with store.begin(caller.scope) as work:
        found = [
            work.accounts.find(family, live=live)
            for family in sorted(families, key=lambda family: family.value)
            for live in modes
        ]
    known = [each for each in found if each is not None]
    part = cut(known, request, lambda each: f"{each.family.value} {each.live}")
    return answer_if_changed(part.shown(representations.account), request)


@get(
    "/v1/accounts/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_account", tag="accounts", summary="One issuing account, with all of its keys",
        is_brief=True,
        answers="Account", is_polled=True, codes=("not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_account(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    return answer_if_changed(representations.account(known_account(id, caller, store)), request)


@post(
    "/v1/accounts/derive",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="derive_accounts", tag="accounts", summary="Derive the accounts from a passphrase",
        description="Where accounts have the `origin` `arc76`, whoever registered the "
        "organisation gives the signing passphrase once, in a session: their address, the "
        "passphrase and the slot make all accounts' keys (ARC-76), which the custodian keeps. "
        "Given again, it answers the same; another one is refused. Takes your password as well: "
        "a wrong one counts like a failed log-in.",
        body=DERIVING, answers="AccountPage",
        codes=("session_required", "invalid_credentials", "account_locked",
               "passphrase_not_offered", "passphrase_is_password", "passphrase_differs",
               "import_not_offered", "custodian_not_configured",
               "custodian_unavailable", "busy"),
    ).opt,
)  # fmt: skip
def derive_accounts(
    request: AnyRequest, body: RawBody, caller: Given[Caller], derive: Given[DeriveAccounts]
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    asked = DERIVING.decode(request, body)
    passphrase = Passphrase(text=asked[PASSPHRASE], slot=asked.get(SLOT) or 0)
    items = [
        representations.account(each)
        for each in granted(derive(caller, asked[CURRENT], passphrase))
    ]
    return answer(page(items, has_more=False, last=None))


@post(
    "/v1/accounts/give_up_passphrase",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="give_up_passphrase", tag="accounts",
        summary="Have the custodian make the keys that no passphrase is given for",
        description="Where whoever registered the organisation will not give the signing "
        "passphrase any more: every account that still waits for it has its key made by the "
        "custodian, and no passphrase is taken for it from then on. Accounts that have a key "
        "keep it. Asked again, it answers the same.",
        answers="AccountPage",
        codes=("no_passphrase_awaited", "custodian_not_configured", "curve_not_offered"),
    ).opt,
)  # fmt: skip
def give_up_passphrase(caller: Given[Caller], give_up: Given[GiveUpPassphrase]) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    items = [representations.account(each) for each in granted(give_up(caller))]
    return answer(page(items, has_more=False, last=None))


@post(
    "/v1/accounts/{id:str}/disable",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="disable_account", tag="accounts", summary="Take an account out of use",
        description="At once: nothing is begun or signed with it, and what was accepted waits. "
        "Its keys stay as they are.",
        answers="Account", codes=("not_found", "account_not_ready", "key_disabled"),
    ).opt,
)  # fmt: skip
def disable_account(
    id: FromPath[str], caller: Given[Caller], store: AStore, switch_account: Given[SwitchAccount]
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    known = known_account(id, caller, store)
    return answer(representations.account(granted(switch_account(caller, known.id, on=False))))


@post(
    "/v1/accounts/{id:str}/enable",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="enable_account", tag="accounts", summary="Put an account back into use",
        description="What waited for it goes on.",
        answers="Account", codes=("not_found", "account_not_ready", "key_disabled"),
    ).opt,
)  # fmt: skip
def enable_account(
    id: FromPath[str], caller: Given[Caller], store: AStore, switch_account: Given[SwitchAccount]
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    known = known_account(id, caller, store)
    return answer(representations.account(granted(switch_account(caller, known.id, on=True))))


@post(
    "/v1/accounts/{id:str}/adopt",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="adopt_address", tag="accounts", summary="Issue from an address made elsewhere",
        description="On Algorand: rekey it to the account's own key first (`tallystick arc76 "
        "rekey`); that is what is looked for on chain. From then on tokens on that network are "
        "issued from it. The account keeps its own address, which goes on to issue elsewhere.",
        body=ADOPTION, answers="Account",
        codes=("not_found", "account_not_found", "account_not_ready", "account_disabled",
               "address_not_ruled", "key_change_under_way", "rekey_not_offered",
               "node_unavailable", "network_halted"),
    ).opt,
)  # fmt: skip
def adopt_address(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    chains: Chains,
    adopt: Given[AdoptAddress],
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    account = known_account(id, caller, store)
    asked = ADOPTION.decode(request, body)
    network = NetworkId(asked[NETWORK])
    if network not in chains:
        known = ", ".join(sorted(chains))
        raise invalid([FieldFault("/network", "unknown_network", f"networks here: {known}")])
    adopted = granted(adopt(caller, account.id, asked[ADDRESS], network))
    return answer(representations.account(adopted))


@post(
    "/v1/accounts/{id:str}/key_changes",
    sync_to_thread=True,
    status_code=202,
    opt=Operation(
        id="change_keys", tag="accounts", summary="Rotate, move, rekey or disable a key",
        description="Accepted here and carried out by a worker: GET tells how far it is. On "
        "Algorand the account keeps its address, and every network where it exists is told; on "
        "EVM networks the account has another address from then on, to which its tokens are "
        "handed over, each by a transaction of its own. One change of an account at a time.",
        body=CHANGE, answers="KeyChange", status=202, needs_idempotency_key=True,
        codes=(*KEYED, "not_found", "account_not_ready", "key_change_under_way", "key_disabled",
               "key_in_use", "custodian_unchanged", "custodian_not_offered",
               "custodian_not_configured",
               "curve_not_offered"),
    ).opt,
)  # fmt: skip
def change_keys(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    store: AStore,
    request_key_change: Given[RequestKeyChange],
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    key = idempotency_key(request)
    account = known_account(id, caller, store)
    asked = CHANGE.decode(request, body)
    named_key = asked.get(KEY)
    wish = KeyWish(
        account=account.id,
        action=asked[ACTION],
        custodian=asked.get(CUSTODIAN),
        key=None if named_key is None else KeyRef(named_key),
    )
    named = IdempotencyKey(live=account.live, route="POST /v1/accounts/{id}/key_changes", key=key)
    made = granted(
        request_key_change(caller, wish, named, fingerprint(caller, request, asked.body))
    )
    headers = {"Location": f"/v1/key_changes/{made.value.named}"}
    if made.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(_shown(made.value), 202, headers)


@get(
    "/v1/accounts/{id:str}/key_changes",
    sync_to_thread=True,
    opt=Operation(
        id="list_key_changes", tag="accounts", summary="What was done to its keys, newest first",
        query=PAGE, answers="KeyChangePage",
        codes=("not_found", "mode_mismatch", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_key_changes(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore
) -> Response[bytes]:
    asked = PAGE.query(request)
    account = known_account(id, caller, store)
    cursor = asked.get(CURSOR)
    after = parse_id(Prefix.KEY_CHANGE, read_cursor(cursor)) if cursor else None
    with store.begin(caller.scope) as work:
        if cursor and (after is None or work.key_changes.get(KeyChangeId(after)) is None):
            raise bad_cursor()
        request_page = PageRequest(limit=asked.get(LIMIT) or 20, after=after)
        found = work.key_changes.page(account.id, request_page)
    last = found.items[-1].named if found.items else None
    items = [_shown(each) for each in found.items]
    return answer(page(items, has_more=found.has_more, last=last))


@get(
    "/v1/key_changes/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_key_change", tag="accounts", summary="One change of keys, as it is now",
        description="`networks`: those that are told, and how far each is. `tokens`: those that "
        "go, or went, to its new address, likewise.",
        answers="KeyChangeInDetail", is_polled=True, codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_key_change(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    require(caller, Permission.READ_DEPLOYMENTS)
    change_id = parse_id(Prefix.KEY_CHANGE, id)
    with store.begin(caller.scope) as work:
        found = work.key_changes.get(KeyChangeId(change_id)) if change_id else None
        told = [
            operation
            for network in sorted(chains)
            if found is not None
            and (operation := work.deployments.get(found.operation(network))) is not None
        ]
        handed = [] if found is None else handed_to_key_of(work, found)
    if found is None:
        raise not_found("key change")
    return answer_if_changed(_in_detail(found, told, handed), request)


@post(
    "/v1/key_changes/{id:str}/cancel",
    sync_to_thread=True,
    status_code=200,
    opt=Operation(
        id="cancel_key_change", tag="accounts", summary="Withdraw it before it has begun",
        description="As long as it is `requested`: no key is made or disabled for it afterwards.",
        body=NOTHING, answers="KeyChange", codes=("not_found", "too_late_to_cancel"),
    ).opt,
)  # fmt: skip
def cancel_key_change(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    withdraw_key_change: Given[WithdrawKeyChange],
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    NOTHING.decode(request, body)
    change_id = parse_id(Prefix.KEY_CHANGE, id)
    if change_id is None:
        raise not_found("key change")
    return answer(_shown(granted(withdraw_key_change(caller, KeyChangeId(change_id)))))


@get(
    "/v1/organisations/{id:str}/custodian",
    sync_to_thread=True,
    opt=Operation(
        id="get_custodian", tag="organisations", summary="Who signs where a request does not say",
        answers="CustodianChoice", codes=("not_found",),
    ).opt,
)  # fmt: skip
def get_custodian(id: FromPath[str], caller: Given[Caller], store: AStore) -> Response[bytes]:
    require(caller, Permission.READ_ORGANISATION)
    _require_own(id, caller)
    with store.begin(caller.scope) as work:
        chosen = work.accounts.chosen()
    return answer({"custodian": chosen})


@put(
    "/v1/organisations/{id:str}/custodian",
    sync_to_thread=True,
    opt=Operation(
        id="choose_custodian", tag="organisations", summary="Choose who signs",
        description="Deployments that name no custodian are issued from the address whose key "
        "this one holds, of accounts that have one there; without `custodian`, from each "
        "account's own.",
        body=CHOICE, answers="CustodianChoice", codes=("not_found", "custodian_not_offered"),
    ).opt,
)  # fmt: skip
def put_custodian(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    choose_custodian: Given[ChooseCustodian],
) -> Response[bytes]:
    require(caller, Permission.WRITE_ACCOUNTS)
    _require_own(id, caller)
    asked = CHOICE.decode(request, body)
    return answer({"custodian": granted(choose_custodian(caller, asked.get(CUSTODIAN)))})


HANDLERS = (
    get_custodian,
    put_custodian,
    list_accounts,
    get_account,
    derive_accounts,
    give_up_passphrase,
    disable_account,
    enable_account,
    adopt_address,
    change_keys,
    list_key_changes,
    get_key_change,
    cancel_key_change,
)


def _require_own(text: str, caller: Caller) -> None:
    if parse_id(Prefix.ORGANISATION, text) != caller.organisation:
        raise not_found("organisation")


def known_account(text: str, caller: Caller, store: Store) -> Account:
    """The caller's account of that id.

    Raises: RefusedError: there is none that it may read.
    """
    require(caller, Permission.READ_DEPLOYMENTS)
    id = parse_id(Prefix.ACCOUNT, text)
    with store.begin(caller.scope) as work:
        found = work.accounts.get(AccountId(id)) if id else None
    if found is None:
        raise not_found("account")
    require(caller, Permission.READ_DEPLOYMENTS, live=found.live)
    return found


def _told(each: Deployment) -> representations.Document:
    """What became of it on one network."""
    inclusion = each.step.inclusion
    return {
        "network": each.network,
        "operation": each.named,
        "state": each.state.value,
        "waiting_for": None if each.waiting is None else each.waiting.value,
        "transaction_id": None if inclusion is None else inclusion.transaction_id,
    }


def _in_detail(
    each: KeyChange, told: Sequence[Deployment], handed: Sequence[Deployment]
) -> representations.Document:
    return _shown(each) | {
        "networks": [_told(operation) for operation in told],
        "tokens": [
            _told(operation) | {"token": token_id(operation.of), "owner": operation.owner}
            for operation in handed
            if operation.of is not None
        ],
    }


def _shown(each: KeyChange) -> representations.Document:
    return {
        "id": each.named,
        "account": public_id(Prefix.ACCOUNT, each.account),
        "action": each.action.value,
        "custodian": each.custodian,
        "key": each.key,
        "state": each.state.value,
        "code": each.code,
        "requested_by": each.requested_by,
        "requested_at": timestamp(each.requested_at),
        "ended_at": None if each.ended_at is None else timestamp(each.ended_at),
    }
