"""python -m entrypoints.devnet: a PostgreSQL, an anvil, a Stripe, a Vault or a KMS for a terminal.

    python -m entrypoints.devnet postgres start FOLDER [--port N] [--option fsync=off]
    python -m entrypoints.devnet postgres stop FOLDER      shut down
    python -m entrypoints.devnet postgres kill FOLDER      SIGKILL; `start` recovers
    python -m entrypoints.devnet anvil [--profile hard] [--state FILE] [--port N]
                                                           until interrupted
    python -m entrypoints.devnet stripe [--port N] [--webhook URL --secret whsec_…]
                                                           until interrupted
    python -m entrypoints.devnet vault [--port N]          until interrupted
    python -m entrypoints.devnet kms                       until interrupted

`vault` and `kms` print the variables with which our processes, and the opt-in tests, use them.
`stripe` prints its URL.  Its keys are sk_test_loopback and sk_live_loopback; customers pay on the
pages that checkout sessions name, or by `POST URL/_control/pay_checkout` with {"session": "cs_…"}:
see entrypoints/devnet/stripe/control.py.  It forgets everything when it ends.
`postgres start` prints the superuser's URL and leaves the server running; the data is in FOLDER.
Programs are found by TALLYSTICK_POSTGRES_BIN (a folder) and TALLYSTICK_ANVIL_BIN (a file), else
where `make setup` put them, else on the system.  The fault proxy has no command: its rules are
functions, see entrypoints/devnet/json_rpc_proxy.py.
"""

import argparse
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.anvil import Anvil
from entrypoints.devnet.ministack import CREDENTIALS, REGION, MiniStack
from entrypoints.devnet.processes import DevnetError
from entrypoints.devnet.stripe import stripe_loopback
from entrypoints.devnet.vault import Vault


def main() -> None:
    arguments = _parser().parse_args()
    try:
        if arguments.server == "anvil":
            _run_anvil(arguments)
        elif arguments.server == "stripe":
            _run_stripe(arguments)
        elif arguments.server == "vault":
            _run_vault(arguments)
        elif arguments.server == "kms":
            _run_kms()
        elif arguments.action == "start":
            print(
                embedded_postgres.start(
                    arguments.folder, arguments.port, arguments.option, outlive=True
                )
            )
        elif arguments.action == "stop":
            embedded_postgres.stop(arguments.folder)
        else:
            embedded_postgres.kill(arguments.folder)
    except DevnetError as error:
        sys.exit(str(error))


def _run_anvil(arguments: argparse.Namespace) -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    with Anvil(
        port=arguments.port,
        profile=arguments.profile,
        state=arguments.state,
        chain_id=arguments.chain_id,
    ) as anvil:
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print(anvil.url, flush=True)
        signal.sigwait(ends)


def _run_stripe(arguments: argparse.Namespace) -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    # Before there are threads, so that none of them is interrupted instead.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with stripe_loopback(port=arguments.port, uses_wall_clock=True) as running:
        if arguments.webhook:
            for mode in (running.test, running.live):
                mode.control.add_endpoint(
                    arguments.webhook, arguments.secret, signs_by_wall_clock=True
                )
        print(running.url, flush=True)
        signal.sigwait(ends)


def _run_vault(arguments: argparse.Namespace) -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Vault(port=arguments.port or 0) as vault:
        _tell(
            {
                "TALLYSTICK_CUSTODIAN_NEW_KEYS": f"vault:{vault.url}",
                "TALLYSTICK_VAULT_TOKEN": vault.root,
                "VAULT_ADDR": vault.url,
                "VAULT_TOKEN": vault.root,
            }
        )
        signal.sigwait(ends)


def _run_kms() -> None:
    ends = {signal.SIGINT, signal.SIGTERM}
    with MiniStack() as kms:
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        _tell(
            {
                "TALLYSTICK_CUSTODIAN_NEW_KEYS": f"aws-kms:{kms.address}",
                "TALLYSTICK_TEST_AWS_REGION": REGION,
                "AWS_ENDPOINT_URL_KMS": kms.url,
                **CREDENTIALS,
            }
        )
        signal.sigwait(ends)


def _tell(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        print(f"export {name}='{value}'", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m entrypoints.devnet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    servers = parser.add_subparsers(dest="server", required=True)

    postgres = servers.add_parser("postgres", help="PostgreSQL in a folder")
    postgres.add_argument("action", choices=["start", "stop", "kill"])
    postgres.add_argument("folder", type=Path)
    postgres.add_argument("--port", type=int, help="default: the last start's, else a free one")
    postgres.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")

    anvil = servers.add_parser("anvil", help="an EVM development chain, until interrupted")
    anvil.add_argument("--port", type=int, help="default: a free one")
    anvil.add_argument("--profile", choices=["fast", "hard"], default="fast")
    anvil.add_argument("--state", type=Path, help="keeps the chain between starts")
    anvil.add_argument("--chain-id", type=int, default=31337)

    stripe = servers.add_parser("stripe", help="a Stripe in both modes, until interrupted")
    stripe.add_argument("--port", type=int, help="default: a free one")
    stripe.add_argument("--webhook", metavar="URL", help="where events are sent")
    stripe.add_argument(
        "--secret", action="append", default=[], help="signs them; two during a rotation"
    )

    vault = servers.add_parser("vault", help="a Vault, until interrupted")
    vault.add_argument("--port", type=int, help="default: a free one")
    servers.add_parser("kms", help="an AWS KMS, until interrupted")
    return parser


if __name__ == "__main__":
    main()
