"""AWS's own KMS, where TALLYSTICK_TEST_AWS_REGION names a region and credentials are at hand.

Keys cost money until they are deleted: each that a test has made is scheduled for deletion when
the test ends, and is gone a week later.  The two of the permission probe stay.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from adapters.aws_kms import connect
from adapters.aws_kms.holder import KmsHolder
from application.ports.custody import Custodian, HeldKey
from domain.signing import Curve
from tests.contract.custody import guarded, registered

_REGION = os.environ.get("TALLYSTICK_TEST_AWS_REGION")


@define(eq=False)
class _Tidy(KmsHolder):
    made: list[HeldKey] = field(factory=list)

    def make(self, name: str, version: int, curve: Curve) -> HeldKey:
        key = super().make(name, version, curve)
        if not name.startswith("probe"):
            self.made.append(key)
        return key


if _REGION:

    @contextmanager
    def custodian() -> Iterator[Custodian]:
        holder = _Tidy(connect(_REGION, {})._line)
        try:
            yield guarded(registered("aws-kms", holder))
        finally:
            for handle in {key.handle: key for key in holder.made}.values():
                holder.discard(handle)
