"""What wraps everything secret at rest: ``[wrapping]``, and the versions of the master key.

``local-keys`` is the master key.  ``vault`` and ``aws-kms`` are where the custodian of that name
is, with its log-in; they wrap for whoever unwraps, so each process needs it.  What others have
wrapped before is read for as long as they are there.
"""

from collections.abc import Callable, Iterable

from attrs import field, frozen

from entrypoints.custodian_settings import LOCAL_KEYS

VAULT, KMS = "vault", "aws-kms"
WRAPPINGS = (LOCAL_KEYS, VAULT, KMS)


@frozen(kw_only=True)
class WrappingSettings:
    #: Scheme of the one that wraps.
    by: str = LOCAL_KEYS
    #: Keys of KMS, ids or aliases: the first one wraps, all of them unwrap.
    kms_keys: tuple[str, ...] = field(default=())
    #: Version of the master key that wraps; None: the highest.
    wrap_with: int | None = None


def read_wrapping(
    by: str,
    kms_keys: tuple[str, ...],
    wrap_with: int | None,
    *,
    custodians: Iterable[str],
    has_master_key: bool,
    fault: Callable[[str], None],
) -> WrappingSettings:
    """*fault* takes each reason for which it cannot be used."""
    name = "TALLYSTICK_WRAPPING_BY ([wrapping] by)"
    known = set(custodians)
    if by not in WRAPPINGS:
        fault(f"{name}: {by} does not wrap; {', '.join(WRAPPINGS)} do")
    elif by != LOCAL_KEYS and by not in known:
        fault(f"{name}: {by} must be one of the custodians, in [custodian] new_keys or others")
    elif by == KMS and not kms_keys:
        fault(
            "TALLYSTICK_WRAPPING_AWS_KMS_KEYS ([wrapping] aws_kms_keys) is missing: the symmetric "
            "key that wraps, as alias/tallystick-wrapping"
        )
    if kms_keys and KMS not in known:
        fault("TALLYSTICK_WRAPPING_AWS_KMS_KEYS: aws-kms must be one of the custodians")
    if wrap_with is not None and not has_master_key:
        fault("TALLYSTICK_LOCAL_KEYS_WRAP_WITH: there is no master key")
    return WrappingSettings(by=by, kms_keys=kms_keys, wrap_with=wrap_with)
