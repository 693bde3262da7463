"""A chain of one application: calls with Python values, undone as a whole where they fail.

The testing library runs a contract's source, and leaves behind what a failed call had written; a
node would not.  Nor does it look at limits, so this does: names of boxes, references of a call.
"""

import inspect

from _algopy_testing.models.account import Account
from algopy import Bytes, UInt64, arc4
from algosdk.encoding import encode_address

ZERO = bytes(32)
OWNER, ALICE, BOB, CAROL, CONTROLLER, STRANGER = (bytes([letter]) * 32 for letter in b"oabcks")
#: What ARC-4 puts before a returned value.
RETURNED = bytes.fromhex("151f7c75")
#: Limits of a node: bytes of a box's name, references of one call.
LONGEST_BOX_NAME, MOST_REFERENCES = 64, 8


class RefusedError(Exception):
    """The call failed, with the text of its assertion; nothing has changed."""


class Chain:
    """An application, created by the owner."""

    def __init__(self, context, contract, *creation, creator=OWNER):
        self.context = context
        self.contract = contract()
        self.id = self.contract.__app_id__
        #: Round and Unix time of the next call.
        self.round, self.now = 1000, 1_700_000_000
        #: What the last call that wrote or told anything logged, its return value excepted.
        self.events = []
        #: Names of the boxes that it wrote.
        self.written = set()
        self("create", *creation, sender=creator)

    def __call__(self, method, *arguments, sender=OWNER):
        app = self.context.ledger._app_data[self.id]
        before = dict(app.global_state), dict(app.boxes)
        self.context.ledger.patch_global_fields(
            round=UInt64(self.round), latest_timestamp=UInt64(self.now)
        )
        self.round += 1
        called = getattr(self.contract, method)
        parameters = inspect.signature(called).parameters.values()
        typed = [
            to_algopy(argument, parameter.annotation)
            for argument, parameter in zip(arguments, parameters, strict=True)
        ]
        try:
            overrides = {"sender": Account(encode_address(sender))}
            with self.context.txn.create_group(active_txn_overrides=overrides):
                answer = called(*typed)
        except (AssertionError, ArithmeticError, ValueError, RuntimeError) as error:
            app.global_state.clear()
            app.global_state.update(before[0])
            app.boxes.clear()
            app.boxes.update(before[1])
            raise RefusedError(str(error)) from error
        boxes = {bytes(name): bytes(value) for name, value in app.boxes.items()}
        old = {bytes(name): bytes(value) for name, value in before[1].items()}
        written = {name for name in boxes.keys() | old.keys() if boxes.get(name) != old.get(name)}
        assert all(len(name) <= LONGEST_BOX_NAME for name in written)
        assert len(written) <= MOST_REFERENCES
        call = self.context.txn.last_active
        logs = [call.logs(place) for place in range(int(call.num_logs))]
        events = [log for log in logs if log[:4] != RETURNED]
        if written or events:
            self.written, self.events = written, events
        return to_python(answer)

    @property
    def boxes(self):
        app = self.context.ledger._app_data[self.id]
        return {bytes(name): bytes(value) for name, value in app.boxes.items()}

    def state(self, key):
        return self.context.ledger.get_global_state(self.id, key)


def operation(number):
    return number.to_bytes(32, "big")


def word(amount):
    """An amount as uint256."""
    return amount.to_bytes(32, "big")


def to_algopy(value, kind):
    if kind is arc4.UInt256 or kind is arc4.UInt8 or kind is UInt64:
        return kind(value)
    if kind is bool:
        return value
    if kind is arc4.String:
        return arc4.String(value)
    if kind is arc4.DynamicBytes:
        return arc4.DynamicBytes(value)
    return kind.from_bytes(Bytes(value))


def to_python(answer):
    match answer:
        case None | bool():
            return answer
        case arc4.Bool():
            return answer.native
        case UInt64():
            return int(answer.value)
        case arc4.UInt256() | arc4.UInt8():
            return int.from_bytes(answer.bytes.value, "big")
        case _:
            return bytes(answer.bytes.value)
