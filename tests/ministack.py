"""MiniStack for tests: one of this process, started when a test first wants it."""

import atexit
import os
from functools import cache

import pytest

from adapters.aws_kms import Address, connect
from adapters.aws_kms.line import Line
from application.ports.custody import KeyHolder
from entrypoints.devnet import ministack


@cache
def ministack_or_skip() -> ministack.MiniStack:
    problem = ministack.problem()
    if problem is not None:
        pytest.skip(problem)
    started = ministack.MiniStack().start()
    atexit.register(started.stop)
    os.environ.update(ministack.CREDENTIALS)
    return started


def a_holder() -> KeyHolder:
    return connect(ministack_or_skip().address, {})


@cache
def a_wrapping_key(name: str = "newest") -> str:
    """The alias of a symmetric key."""
    running, alias = ministack_or_skip(), f"alias/tallystick-wrapping-{name}"
    line = Line(Address.read(running.address))
    key = line.ask("CreateKey", "*", KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT")
    id = key["KeyMetadata"]["KeyId"]
    line.ask("CreateAlias", alias, AliasName=alias, TargetKeyId=id)
    return alias
