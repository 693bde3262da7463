"""Our CREATE2 factory, seen from outside: addresses, calls, and its own installation.

An address follows from who asks, under which salt, for which init code (TallystickFactory.sol)::

    salt      = keccak("tallystick.v1" ‖ installation ‖ organisation ‖ operation)
    mixed     = keccak(abi.encode(sender, salt))
    predicted = keccak(0xff ‖ factory ‖ mixed ‖ keccak(init code))[12:]        EIP-1014

The factory is where it is on every network, because the well-known CREATE2 proxy put it there; so
anybody may have installed it, and nothing is lost if somebody has.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from adapters.evm.artefact import Artefact
from adapters.evm.kind import Creation, Kind
from adapters.evm.reads import View
from domain.catalogue import KindClass
from domain.errors import Refusal
from domain.identifiers import InstallationId
from domain.operation import Intent
from domain.token import KindDescription, Token, TokenKind

_FOLDER = Path(__file__).parent
_FACTORY = Artefact.load(_FOLDER, "TallystickFactory")
_DEPLOYMENT: Mapping[str, str] = json.loads((_FOLDER / "artefact.json").read_text("utf-8"))[
    "contracts"
]["TallystickFactory"]["deployment"]

_NAME = TokenKind("create2_factory")

ADDRESS = _DEPLOYMENT["address"]
PROXY = _DEPLOYMENT["proxy"]

_DEPLOY = keccak(text="deploy(bytes32,bytes)")[:4]
_DEPLOYED = keccak(text="Deployed(address,address,bytes32)")


def salt_of(intent: Intent, installation: InstallationId) -> bytes:
    """One operation of one installation; the 16 bytes of each id, as RFC 9562 orders them."""
    ids = (installation, intent.organisation, intent.operation)
    return keccak(b"tallystick.v1" + b"".join(id.bytes for id in ids))


def creation(intent: Intent, installation: InstallationId, init_code: bytes) -> Creation:
    """The call by which the intent's sender deploys *init_code*."""
    salt = salt_of(intent, installation)
    predicted = _create2(
        ADDRESS, keccak(encode(["address", "bytes32"], [_bytes(intent.sender), salt])), init_code
    )
    return Creation(
        through=ADDRESS,
        through_code_hash=keccak(_FACTORY.runtime_code),
        data=_DEPLOY + encode(["bytes32", "bytes"], [salt, init_code]),
        predicted=predicted,
        topics=tuple(
            "0x" + topic.rjust(32, b"\0").hex()
            for topic in (_DEPLOYED, _bytes(predicted), _bytes(intent.sender), salt)
        ),
    )


@frozen
class FactoryKind(Kind):
    """The factory itself, as an operation of the installation's.  Offered to nobody."""

    name: TokenKind = _NAME

    @property
    def description(self) -> KindDescription:
        return KindDescription(
            kind=self.name,
            standard="CREATE2 factory",
            kind_class=KindClass.CORE,
            title="Factory",
            explanation="The contract through which this installation deploys tokens.",
            schema={"type": "object", "additionalProperties": False},
        )

    def token(self, parameters: Mapping[str, object]) -> Token | Refusal:
        if parameters:
            return Refusal(code="invalid_token", detail="the factory has no parameters")
        return self.stored_token(parameters)

    def stored_token(self, parameters: Mapping[str, object]) -> Token:  # noqa: ARG002 - none
        return Token(
            kind=self.name,
            name="TallystickFactory",
            symbol="",
            decimals=0,
            supply=0,
            parameters={},
        )

    def creation(self, intent: Intent, installation: InstallationId) -> Creation:  # noqa: ARG002 - the same for everybody
        salt = _bytes(_DEPLOYMENT["salt"])
        return Creation(
            through=PROXY,
            through_code_hash=_bytes(_DEPLOYMENT["proxyRuntimeCodeKeccak256"]),
            data=salt + _FACTORY.creation_code,
            predicted=_create2(PROXY, salt, _FACTORY.creation_code),
        )

    def made(self, code: bytes) -> bool:
        return _FACTORY.made(code)

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:  # noqa: ARG002 - it has no owner
        return () if self.made(view.code()) else ("code: not the factory's",)


def _create2(deployer: str, salt: bytes, init_code: bytes) -> str:
    digest = keccak(b"\xff" + _bytes(deployer) + salt + keccak(init_code))
    return to_checksum_address(digest[12:])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
