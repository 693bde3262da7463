"""Commands that need no chain do not pay for one."""

import subprocess
import sys


def test_naming_the_adapter_does_not_load_web3():
    program = "import sys, adapters.evm; sys.exit('web3' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_using_it_lets_nobody_end_the_process_by_nested_json():
    """In a process of its own: what is tried here would end it."""
    program = """
import json, sys
from datetime import timedelta
from uuid import UUID
from adapters.evm import connect
from application.ports.nodes import Endpoint
from domain.identifiers import InstallationId, NetworkId
from domain.network import Family, Finality, Network, NetworkClass

before = sys.getrecursionlimit()
network = Network(
    id=NetworkId("eip155:1"), name="n", family=Family.EVM, finality=Finality(depth=1),
    network_class=NetworkClass.DEVELOPMENT, fee_ceiling=1, native_currency="ETH",
    native_decimals=18, poll=timedelta(seconds=1), replace_after=timedelta(seconds=1),
)
connect(network, Endpoint(url="http://127.0.0.1:1"), InstallationId(UUID(int=1)))
assert sys.getrecursionlimit() == before
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr
