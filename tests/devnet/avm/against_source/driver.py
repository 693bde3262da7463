"""Runs a contract's source under algorand-python-testing; started in the compiler's environment.

One JSON document a line comes in, and one goes out:
    {"module", "class"}                                            a fresh ledger, nothing created
    {"method", "sender", "arguments", "round", "time"}             bytes in hexadecimal
    → {"happened", "why", "logs", "state", "boxes"}
A call that fails leaves nothing behind, which the library itself does not see to.
"""

import importlib
import inspect
import json
import sys

from _algopy_testing.models.account import Account
from algopy import Bytes, UInt64, arc4
from algopy_testing import algopy_testing_context
from algosdk.encoding import encode_address

TUPLE = type(arc4.Tuple)
PARAMETRISED = TUPLE.__getitem__


def of_one_or_more(kind, items):
    """Version 1.1.0 takes a tuple of one for its item."""
    return PARAMETRISED(kind, items if isinstance(items, tuple) else (items,))


TUPLE.__getitem__ = of_one_or_more


class Source:
    def __init__(self, module, name):
        self.ledger = algopy_testing_context()
        self.context = self.ledger.__enter__()
        self.contract = getattr(importlib.import_module(module), name)()
        self.app = self.context.ledger._app_data[self.contract.__app_id__]

    def close(self):
        self.ledger.__exit__(None, None, None)

    def call(self, method, sender, arguments, round, time):
        before = dict(self.app.global_state), dict(self.app.boxes)
        self.context.ledger.patch_global_fields(round=UInt64(round), latest_timestamp=UInt64(time))
        called = getattr(self.contract, method)
        parameters = inspect.signature(called).parameters.values()
        why, logs = "", []
        try:
            typed = [
                decoded(bytes.fromhex(argument), parameter.annotation)
                for argument, parameter in zip(arguments, parameters, strict=True)
            ]
            overrides = {"sender": Account(encode_address(bytes.fromhex(sender)))}
            with self.context.txn.create_group(active_txn_overrides=overrides):
                called(*typed)
            last = self.context.txn.last_active
            logs = [last.logs(place) for place in range(int(last.num_logs))]
        except (AssertionError, ArithmeticError, ValueError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}"
            for now, then in zip((self.app.global_state, self.app.boxes), before, strict=True):
                now.clear()
                now.update(then)
        return {
            "happened": not why,
            "why": why,
            "logs": [bytes(log).hex() for log in logs],
            "state": {key.hex(): value_of(value) for key, value in self.state()},
            "boxes": {
                bytes(name).hex(): bytes(contents).hex()
                for name, contents in self.app.boxes.items()
            },
        }

    def state(self):
        for key in self.app.global_state:
            yield bytes(key), self.context.ledger.get_global_state(self.contract.__app_id__, key)


def decoded(argument, kind):
    if kind is UInt64:
        return UInt64(int.from_bytes(argument, "big"))
    if kind is bool:
        return argument == b"\x80"
    return kind.from_bytes(Bytes(argument))


def value_of(value):
    """Numbers stay numbers."""
    if isinstance(value, UInt64):
        return int(value.value)
    if isinstance(value, bool | int):
        return int(value)
    return bytes(getattr(value, "bytes", value)).hex()


def main():
    source = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "module" in asked:
            if source is not None:
                source.close()
            source = Source(asked["module"], asked["class"])
            told = {}
        else:
            told = source.call(**asked)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


main()
