"""One step of an operation as this chain knows it: one call, and how it shows that it was made.

A call takes effect at most once because of what it does: a CREATE2 address is taken, or the
contract has consumed the operation's id.  Either way the chain's state says so for ever (`Mark`),
and a log says by which transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen

from adapters.evm.reads import Reader, UnreadableError, View
from application.ports.chain import ChainUnavailableError


class Mark(Protocol):
    def is_set(self, reader: Reader, at: int) -> bool:
        """Whether the step was done in block *at* or before.

        Raises:
            ChainUnavailableError: what is there is not what can be there.
        """
        ...


@frozen(kw_only=True)
class StepCall:
    #: Whose nonce it takes.
    sender: str
    #: Contract that is called, and whether code is the one without which calling it is pointless.
    through: str
    is_its_code: Callable[[bytes], bool]
    data: bytes = field(repr=False)
    #: Where the operation's token is, or will be.
    place: str
    mark: Mark
    #: Topics of the log that `through` writes when it happens; () where it writes none.
    topics: tuple[str, ...] = ()
    #: The step whose fees are the value that this one carries.
    funds: StepCall | None = None
    #: Code of the refusal where it would revert.
    refusal: str = "deployment_would_revert"


@frozen
class CodeMark(Mark):
    """There is code at an address that only this step can reach."""

    address: str
    made: Callable[[bytes], bool]

    def is_set(self, reader: Reader, at: int) -> bool:
        code = reader.code(self.address, at)
        if code and not self.made(code):
            msg = f"{self.address} holds code that its own address rules out"
            raise ChainUnavailableError(msg)
        return bool(code)


@frozen
class IdMark(Mark):
    """A contract of ours has consumed the id of *by*."""

    contract: str
    #: The view that tells it, of (address,bytes32), by a word that is not 0.
    view: str
    by: str
    id: bytes

    def is_set(self, reader: Reader, at: int) -> bool:
        return self.word(reader, at) != bytes(32)

    def word(self, reader: Reader, at: int) -> bytes:
        """What the contract remembers of the id; zeros where it is free, or not there itself."""
        view = View(reader, self.contract, at)
        try:
            word: bytes = view.ask(self.view, "bytes32", self.by, self.id)
        except UnreadableError as error:
            if not view.code():
                return bytes(32)
            msg = f"{self.contract} holds code that does not know {self.view}: {error}"
            raise ChainUnavailableError(msg) from error
        return word


def topic(value: bytes) -> str:
    """*value* as a log has it: 32 bytes, zeros in front."""
    return "0x" + value.rjust(32, b"\0").hex()


def raw(address: str) -> bytes:
    """The bytes of what is written as 0x and hexadecimal digits."""
    return bytes.fromhex(address[2:])
