"""Creating an application of ours, and calling one: each under an operation id.

An application that carries an operation out keeps the operation's id in a box, with the round in
which that was: so it refuses to do it again, and tells anybody who asks in which block to look.
"""

from collections.abc import Sequence

from algosdk import abi, transaction
from algosdk.encoding import decode_address
from attrs import field, frozen

from adapters.algorand.applications import (
    PER_ACCOUNT,
    PER_BOX_BYTE,
    Programs,
    address_of_application,
    cost_of_box,
)
from adapters.algorand.deed import Deed, Deposit, Sight
from adapters.algorand.effect import PrunedError, is_before
from adapters.algorand.reads import Entry, Reader, lacking
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.operation import Effect, NoEffect

#: Bytes of an operation's box: a round.
ROUND_BYTES = 8

Argument = int | bytes | str | bool


def operation_box(operation: bytes) -> bytes:
    return b"o" + operation


def encoded(signature: str, *arguments: Argument) -> tuple[bytes, ...]:
    """The application arguments of an ABI call (ARC-4): the selector, then each argument.

    Addresses are their text; ``byte[n]`` and ``byte[]`` are bytes.
    """
    method = abi.Method.from_signature(signature)
    types = [abi.ABIType.from_string(str(each.type)) for each in method.args]
    pairs = zip(types, arguments, strict=True)
    return (method.get_selector(), *(kind.encode(value) for kind, value in pairs))


@frozen
class Box:
    """A box that a call touches."""

    name: bytes
    #: Of what is stored in it where it has to be made, in bytes; 0: it is there already.
    size: int = 0
    #: Where it is there, it grows by *size* if that other box has to be made.
    grows_with: bytes | None = None


@frozen(kw_only=True)
class ApplicationCreation(Deed):
    """The issuer creates it, and owns it from that very call on."""

    programs: Programs
    arguments: Sequence[bytes] = field(repr=False)

    @property
    def locked(self) -> int:
        return self.programs.locked

    def deposit(self, reader: Reader) -> None:  # noqa: ARG002 - it stores nothing yet
        return None

    def transaction(
        self, sender: str, header: transaction.SuggestedParams, note: bytes, lease: bytes
    ) -> transaction.Transaction:
        return transaction.ApplicationCreateTxn(
            sender,
            header,
            transaction.OnComplete.NoOpOC,
            self.programs.approval,
            self.programs.clear,
            self.programs.schema,
            transaction.StateSchema(0, 0),
            app_args=list(self.arguments),
            extra_pages=self.programs.extra_pages,
            note=note,
            lease=lease,
        )

    def effect(self, sight: Sight) -> Effect | NoEffect:
        """Ours is the one whose creation carries our note, whatever its programs are.

        Another release may have made it, with other programs: that is no absence.
        """
        reader, intent = sight.reader, sight.intent
        owner = reader.account_with_creations(intent.owner)
        for id, application in sorted(owner.applications.items(), reverse=True):
            try:
                origin = sight.origins.of(reader, id, owner.round)
            except PrunedError as error:
                if is_before(reader, error.oldest, intent.operation):
                    break
                raise
            if origin.note == sight.note and application.programs == self.programs:
                return origin.as_effect(str(id), intent.sender)
            if origin.note == sight.note:
                msg = f"{id} is this operation's, and has other programs than this release makes"
                raise ChainUnavailableError(msg)
            if is_before(reader, origin.block.number, intent.operation):
                break
        return sight.nothing(owner.round)


@frozen(kw_only=True)
class ApplicationCall(Deed):
    """The issuer gives an order to an application that knows operations by their ids."""

    application: int
    arguments: Sequence[bytes] = field(repr=False)
    operation: bytes
    #: Boxes that it reads or writes, beside the operation's own.
    boxes: Sequence[Box]

    @property
    def locked(self) -> int:
        return 0

    @property
    def most_deposited(self) -> int:
        boxes = sum(cost_of_box(box.name, box.size) for box in self._boxes if box.size)
        return PER_ACCOUNT + boxes

    def deposit(self, reader: Reader) -> Deposit | None:
        """What the boxes cost that are not there yet, and what the application lacks otherwise.

        Any number of calls may land in any order, as none counts on what another one brings.
        What the application lacks is never more than an account costs: the node is not believed
        that says so, or it could have the treasury pay any sum.

        Raises:
            ChainUnavailableError: the node has not come as far as the application; a simulation
                there would fail, and mean nothing.  Or the node says what cannot be.
        """
        if reader.application(self.application) is None:
            raise ChainUnavailableError(
                f"{reader.node.name} is before {self.application} was made"
            )
        account = address_of_application(self.application)
        state = reader.account(account)
        needed = lacking(state, reader.node.name, least=PER_ACCOUNT)
        missing = {
            box.name
            for box in self._boxes
            if box.size and reader.box(self.application, box.name) is None
        }
        for box in self._boxes:
            if box.name in missing:
                needed += cost_of_box(box.name, box.size)
            elif box.grows_with in missing:
                needed += PER_BOX_BYTE * box.size
        return Deposit(account, needed) if needed else None

    def transaction(
        self, sender: str, header: transaction.SuggestedParams, note: bytes, lease: bytes
    ) -> transaction.Transaction:
        return transaction.ApplicationNoOpTxn(
            sender,
            header,
            self.application,
            app_args=list(self.arguments),
            boxes=[(0, box.name) for box in self._boxes],
            note=note,
            lease=lease,
        )

    def effect(self, sight: Sight) -> Effect | NoEffect:
        """Its operation's box names the round, and that round's block the transaction.

        Raises: HistoryUnavailableError: the node does not have that block any more.
        """
        last_round = sight.reader.parameters().last_round
        round = self._round(sight.reader)
        if round is None:
            return sight.nothing(last_round)
        entries = sight.reader.entries(round)
        entry = self._ours(entries, sight)
        if entry is None:
            msg = f"round {round} is said to have the operation, and does not tell its transaction"
            raise ChainUnavailableError(msg)
        return entry.as_effect(
            str(self.application), sight.reader.existing_block(round), entries, sight.intent.sender
        )

    def differences(self, sight: Sight) -> tuple[str, ...]:
        """Where the transaction that carried it out is not what was ordered."""
        round = self._round(sight.reader)
        if round is None:
            raise ChainUnavailableError(f"the operation is not in {self.application} yet")
        try:
            entries = sight.reader.entries(round)
        except HistoryUnavailableError:
            # Only the owner consumes ids, and nobody has signed another call under this one.
            return ()
        entry = self._ours(entries, sight)
        found = entry.fields.get("apaa", []) if entry is not None else []
        if list(found) != list(self.arguments):
            return (f"order: what round {round} carried out is not what was ordered",)
        return ()

    @property
    def _boxes(self) -> Sequence[Box]:
        return (Box(operation_box(self.operation), ROUND_BYTES), *self.boxes)

    def _round(self, reader: Reader) -> int | None:
        value = reader.box(self.application, operation_box(self.operation))
        if value is not None and len(value) != ROUND_BYTES:
            raise ChainUnavailableError(f"{value!r} is no round")
        return None if value is None else int.from_bytes(value, "big")

    def _ours(self, entries: Sequence[Entry], sight: Sight) -> Entry | None:
        """Ours is the owner's, under the operation's id: anybody can copy a note."""
        owner = decode_address(sight.intent.owner)
        for entry in entries:
            fields = entry.fields
            arguments = fields.get("apaa", [])
            if (
                (fields.get("apid"), fields["snd"]) == (self.application, owner)
                and fields.get("note") == sight.note
                and len(arguments) > 1
                and arguments[1] == self.operation
            ):
                return entry
        return None
