"""The guard in front of every custodian.

Whoever holds the keys, what reaches them and what leaves them is decided here::

    caller ──purpose, bytes──▶ guard ──bytes──▶ custodian
    caller ◀──signature, S low, verified───── guard ◀──signature──

A custodian that signs with another key, or signs something else, is found out before anybody has
its signature.
"""

from collections.abc import Sequence

from attrs import evolve, frozen

from application.ports.custody import (
    Capabilities,
    Custodian,
    CustodyRefusedError,
    KeyCustodian,
    KeyDescription,
    Signing,
    Verifies,
)
from domain.identifiers import AccountId, InstallationId, KeyRef, OrganisationId
from domain.signing import CURVES, Curve, KeyUse, Purpose, misuse


@frozen(kw_only=True)
class Guarded(Custodian):
    custodian: KeyCustodian
    verifies: Verifies
    #: Whose logs checkpoints are signed for.
    installation: InstallationId

    def capabilities(self) -> Capabilities:
        return self.custodian.capabilities()

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        self._check_offered(curve, use)
        return _of_use(use, self.custodian.create_key(organisation, account, curve, use))

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        self._check_offered(curve, use)
        if curve not in self.capabilities().imports:
            msg = f"{curve.value} keys are made by this custodian, and not taken in"
            raise CustodyRefusedError("import_not_offered", msg)
        made = self.custodian.import_key(organisation, account, curve, use, secret)
        return _of_use(use, made)

    def describe(self, key: KeyRef) -> KeyDescription:
        return self.custodian.describe(key)

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        found = self.custodian.find(key)
        described = found.description
        if not described.enabled:
            raise CustodyRefusedError("key_disabled", f"{key} is disabled")
        misused = misuse(described.use, message, purpose, self.installation)
        if misused is not None:
            raise CustodyRefusedError(misused.code, f"{key}: {misused.detail}")
        longest = self.capabilities().max_message_bytes
        if longest is not None and len(message) > longest:
            msg = f"{len(message)} bytes are more than the {longest} that {key} signs"
            raise CustodyRefusedError("message_too_long", msg)
        signing = found.sign(message)
        lowered = evolve(signing, signature=signing.signature.with_low_s)
        if not self.verifies(described.public_key, message, lowered.signature):
            msg = f"{key} made a signature that does not verify under its public key"
            raise CustodyRefusedError("wrong_signature", msg)
        return lowered

    def rotate(self, key: KeyRef) -> KeyDescription:
        return self.custodian.rotate(key)

    def disable(self, key: KeyRef) -> None:
        self.custodian.disable(key)

    def lacks(self) -> Sequence[str]:
        return self.custodian.lacks()

    def _check_offered(self, curve: Curve, use: KeyUse) -> None:
        if CURVES[use] is not curve:
            msg = f"a key for {use.value} is not made on {curve.value}"
            raise CustodyRefusedError("curve_not_offered", msg)
        if curve not in self.capabilities().curves:
            raise CustodyRefusedError("curve_not_offered", f"{curve.value} is not offered here")


def _of_use(use: KeyUse, made: KeyDescription) -> KeyDescription:
    if made.use is not use:
        raise CustodyRefusedError("wrong_purpose", f"{made.key} is for {made.use.value}")
    return made
