"""Whether an application call could be valid on some ledger: its limits, sizes and versions."""

from entrypoints.devnet.algod.encoding import Fields, is_zero
from entrypoints.devnet.algod.limits import (
    MOST_ACCOUNTS,
    MOST_ARGUMENT_BYTES,
    MOST_ARGUMENTS,
    MOST_EXTRA_PAGES,
    MOST_GLOBAL_VALUES,
    MOST_KEY_BYTES,
    MOST_LOCAL_VALUES,
    MOST_PROGRAM_BYTES,
    MOST_REFERENCES,
    RefusedError,
)
from entrypoints.devnet.algod.transactions import SignedTransaction

NO_OP, OPT_IN, CLOSE_OUT, CLEAR_STATE, UPDATE, DELETE = range(6)
#: From here on both programs of an application have one version.
_SAME_VERSION_SINCE = 6


def check_application_call(transaction: SignedTransaction) -> None:
    """Raises: RefusedError."""
    txn, completion = transaction.txn, transaction.number("apan")
    is_creation = not transaction.number("apid")
    if completion > DELETE:
        raise RefusedError(f"invalid application OnCompletion ({completion})")
    if "aprv" in txn:
        raise RefusedError("tx.RejectVersion is not supported")
    if "al" in txn:
        raise RefusedError("tx.Access is not supported before consensus v41")
    if is_creation or completion == UPDATE:
        check_program_versions(txn)
    elif txn.get("apap") or txn.get("apsu"):
        raise RefusedError("programs may only be specified during application creation or update")
    if txn.get("apep", 0) > MOST_EXTRA_PAGES:
        raise RefusedError(
            f"tx.ExtraProgramPages exceeds MaxExtraAppProgramPages = {MOST_EXTRA_PAGES}"
        )
    if not is_creation:
        _check_no_sizes(txn)
    # An update is measured against what the application has, once that is known.
    check_program_sizes(txn, txn.get("apep", 0) if is_creation else MOST_EXTRA_PAGES)
    _check_arguments(txn)
    _check_references(txn)
    for name, field, most in [
        ("LocalStateSchema", "apls", MOST_LOCAL_VALUES),
        ("GlobalStateSchema", "apgs", MOST_GLOBAL_VALUES),
    ]:
        values = sum(txn.get(field, {}).values())
        if values > most:
            raise RefusedError(f"tx.{name} is too large. {values} > {most}")


def check_program_sizes(txn: Fields, extra_pages: int) -> None:
    """Raises: RefusedError: longer than the pages hold."""
    most = MOST_PROGRAM_BYTES * (1 + extra_pages)
    approval, clear = len(txn.get("apap", b"")), len(txn.get("apsu", b""))
    if approval > most:
        raise RefusedError(f"approval program too long. max len {most} bytes")
    if clear > most:
        raise RefusedError(f"clear state program too long. max len {most} bytes")
    if approval + clear > most:
        raise RefusedError(f"app programs too long. max total len {most} bytes")


def check_program_versions(txn: Fields, before: bytes = b"") -> None:
    """`before`: the approval program that is replaced.  Raises: RefusedError."""
    versions = []
    for name, field in [("ApprovalProgram", "apap"), ("ClearStateProgram", "apsu")]:
        try:
            versions.append(version_of(txn.get(field, b""))[0])
        except RefusedError as error:
            raise RefusedError(f"bad {name}: {error}") from error
    approval, clear = versions
    if max(versions) >= _SAME_VERSION_SINCE and approval != clear:
        raise RefusedError(f"program version mismatch: {approval} != {clear}")
    if before and version_of(before)[0] > max(approval, _SAME_VERSION_SINCE - 1):
        raise RefusedError(f"program version downgrade: {approval} < {version_of(before)[0]}")


def version_of(code: bytes) -> tuple[int, int]:
    """The version, and where the instructions begin.

    Raises:
        RefusedError: there is none.
    """
    value = 0
    for position, byte in enumerate(code[:10]):
        value |= (byte & 0x7F) << 7 * position
        if not byte & 0x80:
            return value, position + 1
    raise RefusedError("invalid version" if code else "invalid program (empty)")


def _check_no_sizes(txn: Fields) -> None:
    for name, field in [
        ("GlobalStateSchema", "apgs"),
        ("LocalStateSchema", "apls"),
        ("ExtraProgramPages", "apep"),
    ]:
        if not is_zero(field, txn.get(field, 0)):
            raise RefusedError(f"inappropriate non-zero tx.{name} ({txn[field]})")


def _check_arguments(txn: Fields) -> None:
    arguments = txn.get("apaa", [])
    if len(arguments) > MOST_ARGUMENTS:
        raise RefusedError(
            f"tx.ApplicationArgs has too many arguments. {len(arguments)} > {MOST_ARGUMENTS}"
        )
    size = sum(map(len, arguments))
    if size > MOST_ARGUMENT_BYTES:
        raise RefusedError(
            f"tx.ApplicationArgs total length is too long. {size} > {MOST_ARGUMENT_BYTES}"
        )


def _check_references(txn: Fields) -> None:
    foreign, boxes = txn.get("apfa", []), txn.get("apbx", [])
    counts = {
        ("Accounts", "accounts", MOST_ACCOUNTS): len(txn.get("apat", [])),
        ("ForeignApps", "foreign apps", MOST_REFERENCES): len(foreign),
        ("ForeignAssets", "foreign assets", MOST_REFERENCES): len(txn.get("apas", [])),
        ("Boxes", "box references", MOST_REFERENCES): len(boxes),
    }
    for (name, what, most), count in counts.items():
        if count > most:
            raise RefusedError(f"tx.{name} too long, max number of {what} is {most}")
    if sum(counts.values()) > MOST_REFERENCES:
        raise RefusedError(f"tx references exceed MaxAppTotalTxnReferences = {MOST_REFERENCES}")
    for place, box in enumerate(boxes):
        index = box.get("i", 0)
        if index > len(foreign):
            raise RefusedError(f"tx.Boxes[{place}].Index is {index}. Exceeds len(tx.ForeignApps)")
        if len(box.get("n", b"")) > MOST_KEY_BYTES:
            raise RefusedError(f"tx.Boxes[{place}].Name too long, max len {MOST_KEY_BYTES} bytes")
