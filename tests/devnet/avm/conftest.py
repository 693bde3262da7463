"""Programs that are only asked what they would do: one network for all of a module's questions."""

import base64
import re

import pytest
from algosdk import transaction
from algosdk.v2client.models import SimulateRequest, SimulateRequestTransactionGroup

from entrypoints.devnet.algod import devnet
from tests.devnet.avm.assembly import hex_of, program
from tests.devnet.avm.contracts import creation
from tests.devnet.conftest import funded
from tests.devnet.people import Person


class Laboratory:
    """Runs programs as those of new applications, and keeps nothing of it."""

    def __init__(self, person):
        self.person = person

    def simulate(self, *transactions, **options):
        """What the node says of the group."""
        group = [transaction.SignedTransaction(each, "") for each in transactions]
        groups = [SimulateRequestTransactionGroup(txns=group)]
        request = SimulateRequest(txn_groups=groups, allow_empty_signatures=True, **options)
        return self.person.algod.simulate_transactions(request)["txn-groups"][0]

    def ask(self, *lines, version=11, simulated=None, **options):
        made = creation(
            self.person, program(*lines, version=version), uints=4, byte_slices=4, **options
        )
        return self.simulate(made, **simulated or {})

    def logs(self, *lines, **options):
        """What it said; it must approve."""
        told = self.ask(*lines, **options)
        assert "failure-message" not in told, told["failure-message"]
        result = told["txn-results"][0]["txn-result"]
        return [base64.b64decode(log) for log in result.get("logs", [])]

    def leaves(self, lines, *expected, **options):
        """Whether these values, and no others, are on the stack in the end, the last on top."""
        checks = [f"{_pushed(value)}\n==\nassert" for value in reversed(expected)]
        told = self.ask(lines, *checks, "pushint 1", **options)
        assert told.get("failure-message", "") == ""

    def refuses(self, why, *lines, **options):
        """Whether it fails for that reason, a pattern."""
        told = self.ask(*lines, **options)
        assert re.search(why, told.get("failure-message", "nothing: it was approved"))


def _pushed(value):
    return f"pushint {value}" if isinstance(value, int) else f"pushbytes {hex_of(value)}"


@pytest.fixture(scope="module")
def laboratory():
    with devnet(mode="manual", wait_seconds=0.05) as network:
        yield Laboratory(funded(Person(network)))
