"""SoftHSM for tests: its tokens in a temporary folder of this process, gone with it.

The module reads its configuration when it is loaded, so a process has one folder, and tests have
tokens of their own in it.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from adapters.pkcs11 import connect
from application.ports.custody import KeyHolder
from entrypoints.devnet import softhsm

PIN = "531642"


def softhsm_or_skip() -> softhsm.SoftHsm:
    problem = softhsm.problem()
    if problem is not None:
        pytest.skip(problem)
    return _set_up()


@cache
def _set_up() -> softhsm.SoftHsm:
    folder = Path(tempfile.mkdtemp(prefix="tallystick-softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = softhsm.set_up(folder)
    os.environ.update(made.environment)
    return made


def a_token() -> str:
    """The address of a fresh one."""
    return softhsm_or_skip().add_token(f"test-{secrets.token_hex(6)}", PIN)


def a_holder(address: str | None = None, pin: str = PIN) -> KeyHolder:
    return connect(address or a_token(), {"pin": pin})
