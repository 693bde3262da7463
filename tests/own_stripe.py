"""``make test-stripe``: the adapter on Stripe's own test mode, with a key of yours.

``STRIPE_API_KEY=sk_test_…`` names it.  What an ordinary client may do is all that is asked: nobody
pays on a page, so packs are paid for by a payment intent of Stripe's test card, and news are read
from the list of events.  What is made stays in the account; a sandbox of its own is best.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VARIABLE = "STRIPE_API_KEY"


def main() -> int:
    key = os.environ.get(VARIABLE, "")
    if not key.startswith(("sk_test_", "rk_test_")):
        print(f"{VARIABLE} must be a key of test mode: sk_test_…", file=sys.stderr)
        return 2
    arguments = ["-m", "pytest", "--without-servers", "tests/billing/test_opt_in.py"]
    return subprocess.run(
        [sys.executable, *arguments, *sys.argv[1:]], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
