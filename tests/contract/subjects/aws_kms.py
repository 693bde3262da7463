from collections.abc import Iterator
from contextlib import contextmanager

from adapters import aws_kms
from application.ports.custody import Custodian, KeyWrapping
from tests.contract.custody import guarded, registered
from tests.ministack import a_holder, a_wrapping_key, ministack_or_skip


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield guarded(registered("aws-kms", a_holder()))


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    running = ministack_or_skip()
    yield aws_kms.wrapping(running.address, {}, [a_wrapping_key(), a_wrapping_key("older")])
