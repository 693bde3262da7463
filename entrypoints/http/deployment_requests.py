"""What a deployment is asked for with, and every fault of it at once."""

import hashlib
import json
from collections.abc import Mapping

from application.access.caller import Caller
from application.deployments.request import DeploymentRequest
from application.deployments.validation import ValidateToken
from application.ports.chain import Chain
from domain.deployment import Payer
from domain.errors import FieldFault, Refusal
from domain.identifiers import AccountId, NetworkId, OperationId, Prefix
from domain.token import Token
from entrypoints.http.decoding import (
    PRINTABLE_ASCII,
    AnyRequest,
    Decoded,
    Field,
    Shape,
    parse,
)
from entrypoints.http.money_rules import Amount
from entrypoints.http.problems import RefusedError, invalid
from entrypoints.http.rules import Choice, Hash, Labels, Parameters, PublicId, Text

_LONGEST_KEY = 255

KIND = Field(
    "kind", Text(most=64), "A kind of GET /v1/token_kinds.", required=True,
    example="erc20_mintable",
)  # fmt: skip
NETWORK = Field(
    "network", Text(most=128), "A network of GET /v1/networks (CAIP-2).", required=True,
    example="eip155:31337",
)  # fmt: skip
TOKEN = Field(
    "token", Parameters(), "The token, by the schema of its kind.", required=True,
    example={
        "name": "Hazel", "symbol": "HZL", "decimals": 18,
        "initial_supply": "1000000000000000000", "cap": "2000000000000000000",
    },
)  # fmt: skip
ACCOUNT = Field(
    "account",
    PublicId(prefix=Prefix.ACCOUNT),
    "Issuing account; by default your organisation's for this network.",
)
CUSTODIAN = Field(
    "custodian",
    Text(most=64, ascii_only=True),
    "Issue from the address whose key this custodian holds: the account's own, or one that was "
    "added there; excludes `account`.",
)
PAYER = Field(
    "payer",
    Choice(among=Payer, withheld=frozenset({Payer.SELF})),
    "Who pays the network's fees.",
)
CLIENT_REFERENCE = Field(
    "client_reference",
    Text(most=100, ascii_only=True),
    "Your own name for it; unique in your organisation and mode, for ever.",
)
DECLARED_VALUE = Field(
    "declared_value", Amount(),
    "What it is worth, in whole units; a share of it is charged where the tariff has fees.",
    example={"amount": "1250000.00", "currency": "USD"},
)  # fmt: skip
METADATA = Field("metadata", Labels(), "Up to 20 words of your own.")
DEPLOYMENT_ID = Field(
    "deployment_id", PublicId(prefix=Prefix.DEPLOYMENT), "From a plan of the last 24 hours."
)
PLAN_HASH = Field("plan_hash", Hash(), "From that plan: it is refused if anything has changed.")

_COMMON = (
    KIND,
    NETWORK,
    TOKEN,
    ACCOUNT,
    CUSTODIAN,
    PAYER,
    CLIENT_REFERENCE,
    METADATA,
    DECLARED_VALUE,
)
PLAN = Shape("PlanRequest", _COMMON, exclusive=((ACCOUNT, CUSTODIAN),))
CREATE = Shape(
    "DeploymentRequest", (*_COMMON, DEPLOYMENT_ID, PLAN_HASH), exclusive=((ACCOUNT, CUSTODIAN),)
)


def read_request(
    shape: Shape,
    request: AnyRequest,
    body: bytes,
    chains: Mapping[NetworkId, Chain],
    validate_token: ValidateToken,
) -> tuple[DeploymentRequest, Decoded]:
    """What is asked for.  Raises: RefusedError: with all faults, those of the token included."""
    asked, faults = shape.examine(parse(request, body))
    token = _token(asked, chains, validate_token)
    if not isinstance(token, Token):
        faults += token
    if faults or not isinstance(token, Token):
        raise invalid(faults)
    account, deployment = asked.get(ACCOUNT), asked.get(DEPLOYMENT_ID)
    return DeploymentRequest(
        deployment=OperationId(deployment) if deployment else None,
        network=NetworkId(asked[NETWORK]),
        token=token,
        account=AccountId(account) if account else None,
        custodian=asked.get(CUSTODIAN),
        payer=asked.get(PAYER) or Payer.SPONSORED,
        plan_hash=asked.get(PLAN_HASH),
        declared_value=asked.get(DECLARED_VALUE),
        client_reference=asked.get(CLIENT_REFERENCE),
        metadata=asked.get(METADATA) or {},
    ), asked


def _token(
    asked: Decoded, chains: Mapping[NetworkId, Chain], validate_token: ValidateToken
) -> Token | tuple[FieldFault, ...]:
    """The token, or what is wrong with it as far as that can be said."""
    network, kind, parameters = asked.get(NETWORK), asked.get(KIND), asked.get(TOKEN)
    if network is None:
        return ()
    if NetworkId(network) in chains and (kind is None or parameters is None):
        return ()
    return validate_token(network, kind or "", parameters or {})


def idempotency_key(request: AnyRequest) -> str:
    """The client's name for this request.  Raises: RefusedError: none, or not a usable one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        detail = "this request spends credits or signs, so it must be safe to repeat"
        raise RefusedError(Refusal(code="idempotency_key_missing", detail=detail))
    if not (1 <= len(key) <= _LONGEST_KEY and PRINTABLE_ASCII.fullmatch(key)):
        detail = f"an Idempotency-Key is 1 to {_LONGEST_KEY} printable ASCII characters"
        raise RefusedError(Refusal(code="idempotency_key_invalid", detail=detail))
    return key


def fingerprint(caller: Caller, request: AnyRequest, body: Mapping[str, object]) -> bytes:
    """SHA-256 by which a repeat is told from another request under the same key.

    The same words may mean something else in another version of the API: they are no repeat then.
    An API key keeps its version, so that what it sent before an upgrade is a repeat after it.
    """
    what = {"api_version": caller.api_version, "body": body, "path": request.url.path}
    return hashlib.sha256(
        json.dumps(what, sort_keys=True, separators=(",", ":")).encode()
    ).digest()
