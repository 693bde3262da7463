from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.custody import Custodian
from tests.contract.custody import guarded, registered
from tests.ministack import a_holder


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield guarded(registered("aws-kms", a_holder()))
