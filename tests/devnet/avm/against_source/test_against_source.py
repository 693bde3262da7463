"""Our contracts, compiled, on the network: what happens is what their sources say.

Random calls go to both: to the committed program over HTTP, and to the source under
algorand-python-testing, which shares nothing with the interpreter.  Whether a call happens, what
it logs, and all state and boxes must be the same afterwards.

The second interpreter needs Python 3.12 and the compiler's environment; without them these tests
are skipped by name.
"""

import base64
import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from algosdk import logic
from algosdk.abi import ABIType, Method
from algosdk.encoding import decode_address
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.devnet.algod import devnet
from tests.devnet.avm.assembly import APPROVE
from tests.devnet.avm.conftest import Laboratory
from tests.devnet.avm.contracts import call, confirmed, create, creation, global_state, logs
from tests.devnet.people import Person

ROOT = Path(__file__).parents[4]
STANDARDS = ROOT / "adapters/algorand/standards"
ZERO = bytes(32)
CONTRACTS = ["TallystickMintable", "TallystickPreminted", "TallystickSecurity"]
PEOPLE = 3
BUDGET = 700


class Source:
    """The driver, in the compiler's environment, over a copy of the sources."""

    def __init__(self, process):
        self._process = process

    def ask(self, **asked):
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the driver ended: {self._process.wait()}"
        return json.loads(line)


@pytest.fixture(scope="module")
def source(compiler, compiler_environment):
    files = [
        file for folder in compiler.folders(ROOT) for file in compiler.own_sources(ROOT, folder)
    ]
    with contextlib.ExitStack() as ends:
        stage = ends.enter_context(compiler.staged(ROOT, compiler.closure(ROOT, files)))
        process = ends.enter_context(
            subprocess.Popen(
                [compiler_environment / "bin/python", Path(__file__).with_name("driver.py")],
                cwd=stage,
                env=compiler.inside(compiler_environment) | {"PYTHONPATH": str(stage)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        ends.callback(process.terminate)
        yield Source(process)


class House:
    """A network, some people on it, and the clock that its blocks go by."""

    def __init__(self, network, clock):
        self.network = network
        self._clock = clock
        self.people = [Person(network) for _ in range(PEOPLE)]
        for person in self.people:
            network.fund(person.address, 1_000_000_000_000)
        self.addresses = [decode_address(person.address) for person in self.people]
        self.laboratory = Laboratory(self.people[0])
        #: Calling it adds to a group's budget.
        self.padding = create(self.people[0], APPROVE)

    def wait(self, seconds):
        self._clock[0] += seconds


@pytest.fixture(scope="module")
def house():
    clock = [1_800_000_000]
    with devnet(mode="manual", clock=lambda: clock[0], wait_seconds=0.05) as network:
        yield House(network, clock)


class Compiled:
    """The committed program, created by the first person."""

    def __init__(self, house, name):
        folder = next(
            file.parent
            for file in STANDARDS.glob("*/artefact.json")
            if name in json.loads(file.read_text())["contracts"]
        )
        self.contract = json.loads((folder / "artefact.json").read_text())["contracts"][name]
        self.network, self.people = house.network, house.people
        self.owner, self.padding = house.people[0], house.padding
        self.laboratory = house.laboratory
        self.id = 0
        self.calls = 0
        self.why = ""
        self.methods = [Method.from_signature(each) for each in self.contract["methods"]]

    def create(self, *arguments):
        program = {
            kind: base64.b64decode(self.contract[kind]["program"])
            for kind in ("approval", "clear")
        }
        schema = self.contract["globalSchema"]
        made = creation(
            self.owner, program["approval"], clear=program["clear"], uints=schema["uints"],
            byte_slices=schema["byteSlices"], extra_pages=self.contract["extraPages"],
            app_args=list(arguments),
        )  # fmt: skip
        told = self.owner.confirm(made)
        self.id = told["application-index"]
        self.network.fund(logic.get_application_address(self.id), 1_000_000_000)
        return told

    def call(self, sender, *arguments):
        """What it logged; None: it was refused.  A simulation tells the boxes and the price."""
        self.calls += 1
        asked = self._call(sender, arguments, [])
        told = self.laboratory.simulate(
            asked, allow_unnamed_resources=True, extra_opcode_budget=20_000
        )
        if "failure-message" in told:
            self.why = told["failure-message"]
            return None
        boxes = told.get("unnamed-resources-accessed", {}).get("boxes", [])
        names = [base64.b64decode(box["name"]) for box in boxes]
        assert len(names) <= 8
        assert all(len(name) <= 64 for name in names)
        padding = -(-told["app-budget-consumed"] // BUDGET) - 1
        group = [self._call(sender, arguments, names)] + [
            call(sender, self.padding, note=b"%d.%d" % (self.calls, place))
            for place in range(padding)
        ]
        return logs(confirmed(sender, *group)[0])

    def _call(self, sender, arguments, names):
        return call(sender, self.id, *arguments, boxes=names, note=b"%d" % self.calls)


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


CREATION = {
    "byte[32]": b"Tally".ljust(32, b"\0"), "byte[8]": b"TLY".ljust(8, b"\0"), "uint8": b"\2",
    "uint256": (1000).to_bytes(32, "big"), "bool": b"\x80", "uint64": bytes(8),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
@given(data=st.data())
@settings(max_examples=20)
def test_a_history_is_the_same_in_both(source, house, name, data):
    compiled = Compiled(house, name)
    both = Both(compiled, source, name)
    named = {method.name: method for method in compiled.methods}
    kinds = [str(argument.type) for argument in named["create"].args]
    both.create(named["create"], [CREATION.get(kind, house.addresses[0]) for kind in kinds])
    # Hardly anything moves before it.
    if data.draw(st.integers(0, 9), "bootstrapped"):
        operation, supply = (99).to_bytes(32, "big"), (100).to_bytes(32, "big")
        both.call(0, named["bootstrap"], [operation, supply, house.addresses[0]])
    asking = [each for each in compiled.methods if _is_readonly(each, compiled.contract)]
    doing = [each for each in compiled.methods if each not in asking and each.name != "create"]
    for _ in range(data.draw(st.integers(1, 15), "calls")):
        house.wait(data.draw(st.sampled_from([0, 1, 100]), "seconds"))
        method = data.draw(st.sampled_from(doing if data.draw(st.integers(0, 3)) else asking))
        sender = data.draw(st.sampled_from([0, 0, 0, 1, 2]), "sender")
        kinds = [argument.type for argument in method.args]
        arguments = data.draw(arguments_of(kinds, house.addresses), "arguments")
        both.call(sender, method, arguments)


def _is_readonly(method, contract):
    return method.get_signature() in contract["readonly"]


class Both:
    def __init__(self, compiled, source, name):
        self.compiled, self.source = compiled, source
        folder, file = next(
            (Path(file).parent, Path(file).stem)
            for path in STANDARDS.glob("*/artefact.json")
            for file in json.loads(path.read_text())["sources"]
            if f"class {name}(" in (ROOT / file).read_text()
        )
        source.ask(**{"module": ".".join([*folder.parts, file]), "class": name})

    def create(self, method, arguments):
        expected = self._ask(0, method, arguments)
        assert expected["happened"], expected["why"]
        self.compiled.create(method.get_selector(), *arguments)
        self._compare(expected)

    def call(self, sender, method, arguments):
        expected = self._ask(sender, method, arguments)
        person = self.compiled.people[sender]
        said = self.compiled.call(person, method.get_selector(), *arguments)
        if said is None:
            assert not expected["happened"], f"{method.name}: {self.compiled.why}"
        else:
            assert expected["happened"], f"{method.name}: {expected['why']}"
            assert [log.hex() for log in said] == expected["logs"]
        self._compare(expected)

    def _ask(self, sender, method, arguments):
        person = self.compiled.people[sender]
        view = person.algod.status()["last-round"]
        return self.source.ask(
            method=_python_name(method.name),
            sender=decode_address(person.address).hex(),
            arguments=[argument.hex() for argument in arguments],
            round=view + 1,
            time=person.algod.block_info(view)["block"]["ts"],
        )

    def _compare(self, expected):
        network, id = self.compiled.network, self.compiled.id
        state = {
            key.hex(): value if isinstance(value, int) else value.hex()
            for key, value in global_state(self.compiled.owner, id).items()
        }
        boxes = {name.hex(): each.hex() for name, each in network.ledger.boxes(id).items()}
        assert state == expected["state"]
        assert boxes == expected["boxes"]


def _python_name(name):
    """ARC-200 writes some names with capitals, their methods have none."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
