"""Init code: the compiled contract followed by its constructor's arguments."""

from pathlib import Path

from eth_abi.abi import encode

from adapters.evm.artefact import Artefact
from adapters.evm.standards.erc20.specification import MINTABLE, PREMINTED
from domain.errors import MisuseError
from domain.operation import Intent
from domain.token import TokenKind

_CONTRACTS = {MINTABLE: "TallystickMintable", PREMINTED: "TallystickPreminted"}


def artefact_of(kind: TokenKind) -> Artefact:
    return Artefact.load(Path(__file__).parent, _CONTRACTS[kind])


def init_code(intent: Intent) -> bytes:
    token = intent.token
    named = (token.name, token.symbol, token.decimals)
    if token.kind == MINTABLE:
        arguments = encode(
            ["string", "string", "uint8", "uint256", "uint256", "address", "address"],
            [
                *named,
                cap_of(intent),
                token.supply,
                intent.owner.lower(),
                holder_of(intent).lower(),
            ],
        )
    elif token.kind == PREMINTED:
        arguments = encode(
            ["string", "string", "uint8", "uint256", "address"],
            [*named, token.supply, holder_of(intent).lower()],
        )
    else:
        raise MisuseError(f"{token.kind} is not an ERC-20 kind")
    return artefact_of(token.kind).creation_code + arguments


def cap_of(intent: Intent) -> int:
    return int(str(intent.token.parameters["cap"]))


def holder_of(intent: Intent) -> str:
    """Who gets what exists from the start."""
    return str(intent.token.parameters["initial_holder"] or intent.owner)
