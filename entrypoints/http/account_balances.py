"""/v1/accounts/{id}/balances: the native coin that an issuing account holds."""

from collections.abc import Iterator

from litestar import Response, get
from litestar.params import FromPath

from application.access.caller import Caller
from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from domain.account import Account
from domain.identifiers import NetworkId
from entrypoints.http.accounts import known_account
from entrypoints.http.answers import Json, answer
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.error_codes import ERROR_CODES
from entrypoints.http.operations import Operation
from entrypoints.http.services import AStore, Chains, Given
from entrypoints.http.short_lists import SHORT, cut


@get(
    "/v1/accounts/{id:str}/balances",
    sync_to_thread=True,
    opt=Operation(
        id="list_account_balances", tag="accounts", summary="What an account holds",
        description="The native coin at each of its addresses, in base units, read while you "
        "wait; where no node answers `balance` is null, and `balance_missing` says why.",
        query=SHORT, answers="AccountBalancePage",
        codes=("not_found", "mode_mismatch", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_balances(
    request: AnyRequest, id: FromPath[str], caller: Given[Caller], store: AStore, chains: Chains
) -> Response[bytes]:
    account = known_account(id, caller, store)
    part = cut(_places(account, chains), request, " ".join)
    return answer(part.shown(lambda place: _shown(chains[place[0]], place[1])))


def _places(account: Account, chains: Chains) -> Iterator[tuple[NetworkId, str]]:
    """Each network of the account's family and mode, with each of its addresses."""
    addresses = {key.address for key in account.keys} | {account.address or ""}
    for id, chain in chains.items():
        network = chain.network
        if (network.family, network.live) == (account.family, account.live):
            yield from ((id, address) for address in addresses if address)


def _shown(chain: Chain, address: str) -> Json:
    balance, code = _look(chain, address)
    missing: Json = None
    if code is not None:
        missing = {"code": code, "sentence": ERROR_CODES[code].title}
    return {
        "network": chain.network.id,
        "address": address,
        "currency": chain.network.native_currency,
        "decimals": chain.network.native_decimals,
        "balance": None if balance is None else str(balance),
        "balance_missing": missing,
    }


def _look(chain: Chain, address: str) -> tuple[int | None, str | None]:
    """The balance, or the code of the reason why nobody knows it."""
    try:
        return chain.signer_state(address).balance, None
    except ChainUnavailableError:
        return None, "node_unavailable"
    except WrongChainError:
        return None, "network_halted"


HANDLERS = (list_balances,)
