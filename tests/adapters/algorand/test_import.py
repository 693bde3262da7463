"""Commands that need no chain do not pay for one."""

import subprocess
import sys


def test_naming_the_adapter_does_not_load_the_sdk():
    program = "import sys, adapters.algorand; sys.exit('algosdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
