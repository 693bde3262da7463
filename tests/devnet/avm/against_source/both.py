"""An application on the network beside its source under algorand-python-testing."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from algosdk import logic
from algosdk.abi import Method
from algosdk.encoding import decode_address

from tests.devnet.avm.assembly import APPROVE
from tests.devnet.avm.conftest import Laboratory
from tests.devnet.avm.contracts import call, confirmed, create, creation, global_state, logs
from tests.devnet.people import Person

ROOT = Path(__file__).parents[4]
STANDARDS = ROOT / "adapters/algorand/standards"
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


@dataclass(frozen=True)
class Contract:
    """A program, and where its source is."""

    module: str
    name: str
    approval: bytes
    clear: bytes
    methods: tuple[str, ...]
    uints: int = 0
    byte_slices: int = 0
    extra_pages: int = 0
    readonly: frozenset[str] = frozenset()

    @classmethod
    def committed(cls, name):
        """From an artefact of ours."""
        for path in STANDARDS.glob("*/artefact.json"):
            artefact = json.loads(path.read_text(encoding="utf-8"))
            found = artefact["contracts"].get(name)
            if found is None:
                continue
            (source,) = (
                Path(file).with_suffix("")
                for file in artefact["sources"]
                if f"class {name}(" in (ROOT / file).read_text(encoding="utf-8")
            )
            return cls(
                module=".".join(source.parts),
                name=name,
                approval=base64.b64decode(found["approval"]["program"]),
                clear=base64.b64decode(found["clear"]["program"]),
                methods=tuple(found["methods"]),
                uints=found["globalSchema"]["uints"],
                byte_slices=found["globalSchema"]["byteSlices"],
                extra_pages=found["extraPages"],
                readonly=frozenset(found["readonly"]),
            )
        raise LookupError(name)


class Compiled:
    """An application of the program, created by the first person."""

    def __init__(self, house, contract):
        self.contract = contract
        self.network, self.people = house.network, house.people
        self.owner, self.padding = house.people[0], house.padding
        self.laboratory = house.laboratory
        self.id = 0
        self.calls = 0
        self.why = ""

    def create(self, *arguments):
        contract = self.contract
        made = creation(
            self.owner, contract.approval, clear=contract.clear, uints=contract.uints,
            byte_slices=contract.byte_slices, extra_pages=contract.extra_pages,
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


class Both:
    """An application, and its source."""

    def __init__(self, house, source, contract):
        self.compiled, self.source = Compiled(house, contract), source
        self.methods = {
            method.name: method for method in map(Method.from_signature, contract.methods)
        }
        source.ask(**{"module": contract.module, "class": contract.name})

    def create(self, arguments):
        method = self.methods["create"]
        expected = self._ask(0, method, arguments)
        assert expected["happened"], expected["why"]
        self.compiled.create(method.get_selector(), *arguments)
        self._compare(expected)

    def call(self, sender, method, arguments):
        """Arguments are encoded already.  Raises: AssertionError: they disagree."""
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
