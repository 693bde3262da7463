"""Our contracts, compiled, on the network: what happens is what their sources say.

Random calls go to both: to the committed program over HTTP, and to the source under
algorand-python-testing, which shares nothing with the interpreter.  Whether a call happens, what
it logs, and all state and boxes must be the same afterwards.
"""

import pytest
from algosdk.abi import ABIType
from hypothesis import given
from hypothesis import strategies as st

from tests.application.house import examples
from tests.devnet.avm.against_source.both import Both, Contract

ZERO = bytes(32)
CONTRACTS = ["TallystickMintable", "TallystickPreminted", "TallystickSecurity"]
CREATION = {
    "byte[32]": b"Tally".ljust(32, b"\0"), "byte[8]": b"TLY".ljust(8, b"\0"), "uint8": b"\2",
    "uint256": (1000).to_bytes(32, "big"), "bool": b"\x80", "uint64": bytes(8),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
@given(data=st.data())
@examples(20)
def test_a_history_is_the_same_in_both(source, house, name, data):
    contract = Contract.committed(name)
    both = Both(house, source, contract)
    kinds = [str(argument.type) for argument in both.methods["create"].args]
    both.create([CREATION.get(kind, house.addresses[0]) for kind in kinds])
    # Hardly anything moves before it.
    if data.draw(st.integers(0, 9), "bootstrapped"):
        operation, supply = (99).to_bytes(32, "big"), (100).to_bytes(32, "big")
        both.call(0, both.methods["bootstrap"], [operation, supply, house.addresses[0]])
    methods = [each for each in both.methods.values() if each.name != "create"]
    asking = [each for each in methods if each.get_signature() in contract.readonly]
    doing = [each for each in methods if each not in asking]
    for _ in range(data.draw(st.integers(1, 15), "calls")):
        house.wait(data.draw(st.sampled_from([0, 1, 100]), "seconds"))
        method = data.draw(st.sampled_from(doing if data.draw(st.integers(0, 3)) else asking))
        sender = data.draw(st.sampled_from([0, 0, 0, 1, 2]), "sender")
        kinds = [argument.type for argument in method.args]
        arguments = data.draw(arguments_of(kinds, house.addresses), "arguments")
        both.call(sender, method, arguments)


def arguments_of(types, addresses):
    """For each ABI type values that meet one another often."""
    return st.tuples(*(_argument(str(kind), addresses) for kind in types))


def _argument(kind, addresses):
    if kind == "address":
        return st.sampled_from([*addresses, ZERO]).map(bytes)
    if kind == "byte[32]":
        return st.integers(0, 30).map(lambda number: number.to_bytes(32, "big"))
    if kind == "uint256":
        large = st.sampled_from([2**64, 2**255, 2**256 - 1])
        amounts = st.one_of(st.integers(0, 5), st.integers(0, 40), large)
        return amounts.map(lambda amount: amount.to_bytes(32, "big"))
    if kind == "uint64":
        return st.integers(0, 3).map(lambda number: number.to_bytes(8, "big"))
    if kind == "bool":
        return st.booleans().map(ABIType.from_string("bool").encode)
    if kind == "byte[]":
        return st.sampled_from([b"", b"doc", b"D" * 32, b"E" * 32]).map(
            ABIType.from_string("byte[]").encode
        )
    assert kind == "string", kind
    return st.sampled_from(["", "https://tally.example"]).map(ABIType.from_string(kind).encode)
