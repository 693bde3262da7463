"""Our CREATE2 factory, seen from outside: addresses, calls, and its own installation.

An address follows from who asks, under which salt, for which init code (TallystickFactory.sol)::

    salt      = keccak("tallystick.v1" ‖ installation ‖ organisation ‖ operation)
    mixed     = keccak(abi.encode(sender, salt))
    predicted = keccak(0xff ‖ factory ‖ mixed ‖ keccak(init code))[12:]        EIP-1014

Ether goes to an account under the same salt, at most once for each sender.

The factory is where it is on every network, because the well-known CREATE2 proxy put it there; so
anybody may have installed it, and nothing is lost if somebody has.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import evolve, frozen
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from adapters.evm.artefact import Artefact
from adapters.evm.kind import Kind
from adapters.evm.reads import View
from adapters.evm.step import CodeMark, IdMark, StepCall, topic
from adapters.evm.step import raw as _bytes
from application.ports.chain import no_such_action
from domain.catalogue import KindClass
from domain.errors import MisuseError, Refusal
from domain.identifiers import InstallationId
from domain.operation import Intent
from domain.token import Action, KindDescription, Order, Token, TokenKind, TokenState

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
_FUND = keccak(text="fundOnce(bytes32,address)")[:4]
_FUNDED = keccak(text="Funded(address,bytes32,address,uint256)")


def salt_of(intent: Intent, installation: InstallationId) -> bytes:
    """One operation of one installation; the 16 bytes of each id, as RFC 9562 orders them."""
    ids = (installation, intent.organisation, intent.operation)
    return keccak(b"tallystick.v1" + b"".join(id.bytes for id in ids))


def creation(
    intent: Intent,
    installation: InstallationId,
    init_code: bytes,
    made: Callable[[bytes], bool],
) -> StepCall:
    """The call by which the intent's sender deploys *init_code*."""
    salt = salt_of(intent, installation)
    predicted = _create2(
        ADDRESS, keccak(encode(["address", "bytes32"], [_bytes(intent.sender), salt])), init_code
    )
    indexed = (_DEPLOYED, _bytes(predicted), _bytes(intent.sender), salt)
    return StepCall(
        sender=intent.sender,
        through=ADDRESS,
        is_its_code=_FACTORY.made,
        data=_DEPLOY + encode(["bytes32", "bytes"], [salt, init_code]),
        place=predicted,
        mark=CodeMark(predicted, made),
        topics=tuple(topic(each) for each in indexed),
    )


def funding(intent: Intent, installation: InstallationId, funds: StepCall) -> StepCall:
    """The call by which the intent's sender gives the sender of *funds* what that may cost."""
    call = saying(
        intent.sender, salt=salt_of(intent, installation), to=_bytes(funds.sender), words=b""
    )
    return evolve(call, place=funds.place, funds=funds, refusal=funds.refusal)


def saying(sender: str, *, salt: bytes, to: bytes, words: bytes) -> StepCall:
    """The call by which *sender* gives *to* something, or nothing, once under *salt*.

    *words* follow the arguments, for whoever reads the transaction.
    """
    indexed = (_FUNDED, _bytes(sender), salt, to)
    return StepCall(
        sender=sender,
        through=ADDRESS,
        is_its_code=is_factory,
        data=_FUND + encode(["bytes32", "address"], [salt, to]) + words,
        place=ADDRESS,
        mark=IdMark(ADDRESS, "isFunded(address,bytes32)", sender.lower(), salt),
        topics=tuple(topic(each) for each in indexed),
    )


def is_factory(code: bytes) -> bool:
    return _FACTORY.made(code)


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

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - it has no actions
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def creation(self, intent: Intent, installation: InstallationId) -> StepCall:  # noqa: ARG002 - the same for everybody
        salt = _bytes(_DEPLOYMENT["salt"])
        predicted = _create2(PROXY, salt, _FACTORY.creation_code)
        return StepCall(
            sender=intent.sender,
            through=PROXY,
            is_its_code=_is_the_proxy,
            data=salt + _FACTORY.creation_code,
            place=predicted,
            mark=CodeMark(predicted, _FACTORY.made),
        )

    def act(self, intent: Intent, id: bytes) -> bytes:  # noqa: ARG002 - it has no actions
        raise MisuseError(f"nothing can be ordered of a {self.name}")

    def made(self, code: bytes) -> bool:
        return _FACTORY.made(code)

    def differences(self, intent: Intent, view: View) -> tuple[str, ...]:  # noqa: ARG002 - it has no owner
        return () if self.made(view.code()) else ("code: not the factory's",)

    def planned(self, intent: Intent) -> TokenState:  # noqa: ARG002 - the same for everybody
        return self._state(_FACTORY.runtime_code)

    def state(self, view: View) -> TokenState:
        return self._state(view.code())

    def _state(self, code: bytes) -> TokenState:
        return TokenState(
            name=self.stored_token({}).name,
            symbol="",
            decimals=0,
            supply=0,
            powers={},
            code=_FACTORY.digest(code),
        )


def _is_the_proxy(code: bytes) -> bool:
    return keccak(code) == _bytes(_DEPLOYMENT["proxyRuntimeCodeKeccak256"])


def _create2(deployer: str, salt: bytes, init_code: bytes) -> str:
    digest = keccak(b"\xff" + _bytes(deployer) + salt + keccak(init_code))
    return to_checksum_address(digest[12:])
