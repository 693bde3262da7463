"""What a token says, in the port's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from pkcs11 import exceptions as pkcs11

from application.ports.custody import CustodyRefusedError, CustodyUnavailableError

#: The session is gone, with the token or without it; a new one may do better.
LOST = (
    pkcs11.DeviceError,
    pkcs11.DeviceRemoved,
    pkcs11.SessionClosed,
    pkcs11.SessionHandleInvalid,
    pkcs11.TokenNotPresent,
    pkcs11.UserNotLoggedIn,
)
_LOGIN = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinExpired,
    pkcs11.PinLocked,
    pkcs11.UserPinNotInitialized,
)
#: CKR_ACTION_PROHIBITED, for which the library has no class.
ACTION_PROHIBITED = "0x1b"


def is_login(error: Exception) -> bool:
    """Whether the token refuses the PIN: trying again would lock it."""
    return isinstance(error, _LOGIN)


def code_of(error: pkcs11.PKCS11Error) -> str:
    """The number of a return value that the library does not know; else empty."""
    return str(error).rpartition(" ")[2] if str(error).startswith("Unmapped") else ""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises: CustodyRefusedError, CustodyUnavailableError.  *what* was asked of which token."""
    try:
        yield
    except pkcs11.PKCS11Error as error:
        # Its frames hold searches, which enter the module once more when they are forgotten:
        # here, where the lock is held, and not wherever the exception ends.
        error.__traceback__ = None
        name = type(error).__name__
        if is_login(error):
            msg = f"{what}: the token refuses the PIN ({name}); see [pkcs11] pin"
            raise CustodyRefusedError("denied", msg) from error
        if isinstance(error, pkcs11.TokenWriteProtected | pkcs11.SessionReadOnly):
            msg = f"{what}: the token is write-protected ({name}): no keys can be made"
            raise CustodyRefusedError("denied", msg) from error
        if isinstance(error, pkcs11.MechanismInvalid):
            raise CustodyRefusedError(
                "curve_not_offered", f"{what}: the token has no such mechanism"
            ) from error
        raise CustodyUnavailableError(f"{what}: {name} {code_of(error)}".rstrip()) from error
