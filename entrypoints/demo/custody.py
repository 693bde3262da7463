"""Who holds the demo's keys: whoever TALLYSTICK_CUSTODIAN_NEW_KEYS names.

A custodian that is named with its place is taken as it is.  One that is named alone (``vault``) is
started for the occasion, as the rest of the demo is.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from entrypoints.devnet import ministack, softhsm
from entrypoints.devnet.ministack import MiniStack
from entrypoints.devnet.vault import Vault

NEW_KEYS = "TALLYSTICK_CUSTODIAN_NEW_KEYS"


@contextmanager
def custodian(folder: Path) -> Iterator[Mapping[str, str]]:
    """What the demo's processes are told of it, beside what this process was.

    Raises:
        DevnetError: what would hold the keys is not installed here.
    """
    match os.environ.get(NEW_KEYS):
        case "pkcs11":
            pin = secrets.token_hex(4)
            made = softhsm.set_up(folder / "softhsm")
            address = made.add_token("tallystick", pin)
            yield {NEW_KEYS: f"pkcs11:{address}", "TALLYSTICK_PKCS11_PIN": pin, **made.environment}
        case "vault":
            with Vault() as vault:
                role_id, secret_id = vault.add_role(POLICY)
                yield {
                    NEW_KEYS: f"vault:{vault.url}",
                    "TALLYSTICK_VAULT_ROLE_ID": role_id,
                    "TALLYSTICK_VAULT_SECRET_ID": secret_id,
                }
        case "aws-kms":
            with MiniStack() as kms:
                yield {NEW_KEYS: f"aws-kms:{kms.address}", **ministack.CREDENTIALS}
        case _:
            yield {}


#: As docs/custody.md has it.
POLICY: Mapping[str, frozenset[str]] = {
    "transit/keys/tallystick-*": frozenset({"read", "update"}),
    "transit/sign/tallystick-*": frozenset({"update"}),
    "transit/encrypt/tallystick-wrapping": frozenset({"update"}),
    "transit/decrypt/tallystick-wrapping": frozenset({"update"}),
}
