"""An account that somebody holds by themselves, handed over to another key.

On their machine: the draft is made here, signed where the secret is, and need not be sent from
here.  It is of one network, which the node says; an account obeys the other key there only.
"""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from algosdk import transaction
from algosdk.encoding import is_valid_address, msgpack_encode
from algosdk.v2client.algod import AlgodClient
from attrs import field, frozen

from adapters.algorand.node import AnswerError, Node
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.fields import readable
from domain.operation import Draft, Signable, SignedTransaction
from domain.signing import Purpose

#: The longest validity that the protocol allows (go-algorand, config/consensus.go: MaxTxnLife).
_LIFE = 1_000
#: Bytes of such a transaction with its signature, and some more.
_SIZE = 400
#: Letters of what a network calls itself.
_LONGEST_NAME = 64
_HASH_BYTES = 32


@frozen(kw_only=True)
class Handover:
    """A rekey, complete but for its signature."""

    address: str
    ruler: str
    #: By its CAIP-2 name, and as its nodes call it.
    network: str
    genesis: str
    #: Rounds in which it may land, both included.
    first_round: int
    last_round: int
    fee_microalgos: int
    draft: Draft = field(repr=False)


@frozen
class HandingOver:
    """Asks one node."""

    _node: Node

    @classmethod
    def at(cls, endpoint: Endpoint, answer_within: timedelta) -> "HandingOver":
        """Raises: ValueError: the URL is not of HTTP."""
        return cls(Node(endpoint, answer_within))

    def draft(self, address: str, ruler: str) -> Handover | Refusal:
        """Raises: ChainUnavailableError."""
        if not is_valid_address(ruler):
            detail = f"{ruler} is no address of an Algorand account"
            return Refusal(code="address_unusable", detail=detail)
        told = self._ask(AlgodClient.algod_request, "GET", "/transactions/params")
        account = self._ask(AlgodClient.account_info, address, exclude="all")
        try:
            return _drafted(address, ruler, told, account)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainUnavailableError(f"{self._node.name} answers strangely") from error

    def submit(self, signed: SignedTransaction) -> Refusal | None:
        """None: the node has it.  Raises: ChainUnavailableError."""
        try:
            body = base64.b64encode(signed.raw).decode()
            self._node.ask(AlgodClient.send_raw_transaction, body)
        except AnswerError as error:
            return Refusal(code="not_taken", detail=str(error))
        return None

    def _ask(self, *question: Any, **options: Any) -> Any:
        try:
            return self._node.ask(*question, **options)
        except AnswerError as error:
            raise ChainUnavailableError(str(error)) from error


def _drafted(
    address: str, ruler: str, told: Mapping[str, Any], account: Mapping[str, Any]
) -> Handover | Refusal:
    obeys = account.get("auth-addr") or address
    genesis, reference = told["genesis-id"], _reference(told["genesis-hash"])
    # A person reads them.
    if not is_valid_address(obeys) or genesis != readable(genesis, _LONGEST_NAME):
        raise ValueError("no address, or no name of a network")
    if obeys == ruler:
        return Refusal(code="rekeyed_already", detail=f"{address} obeys {ruler} already")
    if obeys != address:
        return Refusal(code="not_its_own_key", detail=f"{address} obeys {obeys}")
    fee = max(int(told["min-fee"]), int(told["fee"]) * _SIZE)
    kept, there = int(account["min-balance"]), int(account["amount"])
    if there < kept + fee:
        detail = f"{address} holds {there} microalgos; this costs {fee}, and {kept} must stay"
        return Refusal(code="account_unfunded", detail=detail)
    first = max(1, int(told["last-round"]))
    header = transaction.SuggestedParams(
        fee=fee,
        first=first,
        last=first + _LIFE,
        gh=told["genesis-hash"],
        gen=genesis,
        flat_fee=True,
    )
    made = transaction.PaymentTxn(address, header, address, 0, rekey_to=ruler)
    encoded = base64.b64decode(msgpack_encode(made))
    return Handover(
        address=address,
        ruler=ruler,
        network=f"algorand:{reference}",
        genesis=genesis,
        first_round=first,
        last_round=first + _LIFE,
        fee_microalgos=fee,
        draft=Draft(
            signables=(Signable(address, b"TX" + encoded, Purpose.ALGORAND_TRANSACTION),),
            body=encoded,
            fee_cap=fee,
        ),
    )


def _reference(genesis: str) -> str:
    """Of the CAIP-2 name (ChainAgnostic namespaces, algorand/caip2).  Raises: ValueError."""
    if len(base64.b64decode(genesis, validate=True)) != _HASH_BYTES:
        raise ValueError("no hash")
    return genesis.replace("+", "-").replace("/", "_")[:32]
