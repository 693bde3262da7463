"""What Vault says, in the port's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from hvac import exceptions as hvac
from requests import exceptions as requests

from application.ports.custody import CustodyRefusedError, CustodyUnavailableError

#: It is busy, sealed, standing by, or out of order: all may pass.
_PASSES = (
    hvac.BadGateway,
    hvac.InternalServerError,
    hvac.RateLimitExceeded,
    hvac.VaultDown,
    hvac.VaultNotInitialized,
    hvac.UnexpectedError,
)
_NO_KEY = ("key not found", "no such key", "does not exist", "no existing key")


@contextmanager
def translated(needs: str) -> Iterator[None]:
    """Raises: CustodyRefusedError, CustodyUnavailableError.

    *needs*: the permission that the question takes, ``update on transit/sign/ours``.
    """
    try:
        yield
    except (hvac.Forbidden, hvac.Unauthorized) as error:
        msg = f"this process may not: {needs}"
        raise CustodyRefusedError("denied", msg) from error
    except hvac.InvalidPath as error:
        raise CustodyRefusedError("unknown_key", f"there is nothing for: {needs}") from error
    except (hvac.InvalidRequest, hvac.ParamValidationError) as error:
        said = _said(error)
        code = "unknown_key" if any(words in said for words in _NO_KEY) else "wrong_context"
        raise CustodyRefusedError(code, f"Vault refuses {needs}: {said}") from error
    except _PASSES as error:
        raise CustodyUnavailableError(f"Vault: {_said(error)} ({needs})") from error
    except hvac.VaultError as error:
        raise CustodyUnavailableError(f"Vault: {type(error).__name__} ({needs})") from error
    except requests.RequestException as error:
        msg = f"Vault does not answer: {type(error).__name__} ({needs})"
        raise CustodyUnavailableError(msg) from error
    except (KeyError, TypeError, ValueError) as error:
        raise CustodyUnavailableError(f"Vault's answer is none ({needs})") from error


def _said(error: hvac.VaultError) -> str:
    said = "; ".join(error.errors or []) or type(error).__name__
    return said[:300]
