"""Keys in KMS: found by alias, known by ARN.

An alias can be pointed at another key, so it is used to find the key of an account once, when it
is made; the register keeps the ARN, and the ARN is what signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from adapters.aws_kms import der
from adapters.aws_kms.line import Line
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    HeldKey,
    KeyHolder,
    Signing,
)
from domain.signing import Curve, Signature

#: Of KMS, for RAW messages; its client does not check.
LONGEST_MESSAGE_BYTES = 4096
#: The least that KMS allows.
_DAYS_BEFORE_DELETION = 7


@frozen(kw_only=True)
class _Spec:
    key: str
    algorithm: str
    message_type: str


_SPECS: Mapping[Curve, _Spec] = {
    # DIGEST: the message is signed as it is; RAW would be hashed with SHA-256 first.
    Curve.SECP256K1: _Spec(
        key="ECC_SECG_P256K1", algorithm="ECDSA_SHA_256", message_type="DIGEST"
    ),
    # ED25519_PH_SHA_512 would be another scheme (RFC 8032, 5.1).
    Curve.ED25519: _Spec(
        key="ECC_NIST_EDWARDS25519", algorithm="ED25519_SHA_512", message_type="RAW"
    ),
}


@frozen
class KmsHolder(KeyHolder):
    _line: Line

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset(Curve), max_message_bytes=LONGEST_MESSAGE_BYTES)

    def make(self, name: str, version: int, curve: Curve) -> HeldKey:
        alias = f"alias/tallystick/{name}/{version}"
        found = self._find(alias) or self._create(alias, curve)
        spec, arn = _SPECS[curve], str(found["Arn"])
        is_ours = (found["KeySpec"], found["KeyUsage"]) == (spec.key, "SIGN_VERIFY")
        if not is_ours or found["Origin"] not in {"AWS_KMS", "AWS_CLOUDHSM"}:
            msg = f"{arn} is of another kind, or was made elsewhere"
            raise CustodyRefusedError("wrong_context", msg)
        spki = self._line.ask("GetPublicKey", arn, KeyId=arn)["PublicKey"]
        try:
            public_key = der.public_key_of(curve, spki)
        except ValueError as error:
            raise CustodyRefusedError("wrong_context", f"{arn}: {error}") from error
        return HeldKey(handle=arn, version=str(version), public_key=public_key)

    def take(self, name: str, version: int, curve: Curve, secret: bytearray) -> HeldKey:
        """Not offered: a key that was outside once was not made in KMS."""
        del name, version, curve, secret
        raise CustodyRefusedError("import_not_offered", "KMS makes its keys itself")

    def sign(self, key: HeldKey, message: bytes) -> Signing:
        curve = key.public_key.curve
        spec = _SPECS[curve]
        answer = self._line.ask(
            "Sign",
            key.handle,
            KeyId=key.handle,
            Message=message,
            MessageType=spec.message_type,
            SigningAlgorithm=spec.algorithm,
        )
        raw = answer["Signature"]
        try:
            signature = (
                der.signature_of(raw) if curve is Curve.SECP256K1 else Signature(curve, raw)
            )
        except ValueError as error:
            raise CustodyRefusedError("wrong_signature", f"{key.handle}: {error}") from error
        return Signing(
            signature=signature,
            key_version=key.version,
            request_id=answer["ResponseMetadata"].get("RequestId"),
        )

    def disable(self, key: HeldKey) -> None:
        try:
            self._line.ask("DisableKey", key.handle, KeyId=key.handle)
        except CustodyRefusedError as error:
            if error.code != "key_disabled":
                raise
            # It is to be deleted, and so cannot be disabled: it signs nothing either way.

    def discard(self, key: HeldKey) -> None:
        self._delete(key.handle)

    def lacks(self) -> Sequence[str]:
        """Tried on two keys that are kept for this: each question that can be asked is."""
        missing: list[str] = []
        for curve in sorted(_SPECS, key=lambda each: each.value):
            alias = f"alias/tallystick/probe/{curve.value}"
            message = bytes(32) if curve is Curve.SECP256K1 else b"tallystick probe"
            try:
                key = self.make(f"probe/{curve.value}", 1, curve)
                self.sign(key, message)
            except CustodyRefusedError as error:
                missing.append(f"{error} (tried with {alias}/1)")
        return missing

    def _find(self, alias: str) -> Mapping[str, Any] | None:
        try:
            return self._metadata(self._line.ask("DescribeKey", alias, KeyId=alias))
        except CustodyRefusedError as error:
            if error.code != "unknown_key":
                raise
            return None

    def _create(self, alias: str, curve: Curve) -> Mapping[str, Any]:
        """A new key under *alias*; if somebody was faster, theirs, and ours is deleted."""
        made = self._metadata(
            self._line.ask(
                "CreateKey",
                "*",
                KeySpec=_SPECS[curve].key,
                KeyUsage="SIGN_VERIFY",
                Description=alias.removeprefix("alias/"),
                Tags=[{"TagKey": "tallystick", "TagValue": alias.removeprefix("alias/")}],
            )
        )
        try:
            self._line.ask("CreateAlias", alias, AliasName=alias, TargetKeyId=made["KeyId"])
        except CustodyRefusedError as error:
            if error.code != "key_exists":
                raise
            self._delete(made["Arn"])
            found = self._find(alias)
            if found is None:
                raise CustodyUnavailableError(f"{alias} was there, and is not") from error
            return found
        return made

    def _delete(self, arn: str) -> None:
        self._line.ask(
            "ScheduleKeyDeletion", arn, KeyId=arn, PendingWindowInDays=_DAYS_BEFORE_DELETION
        )

    @staticmethod
    def _metadata(answer: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = answer["KeyMetadata"]
        return found
