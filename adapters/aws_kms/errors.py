"""What KMS says, in the port's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as botocore

from application.ports.custody import CustodyRefusedError, CustodyUnavailableError

#: By KMS's code.  What is not here, and has a status of 500 or more, is unavailable.
_REFUSALS = {
    "AccessDenied": "denied",
    "AccessDeniedException": "denied",
    "ExpiredTokenException": "denied",
    "IncompleteSignature": "denied",
    "InvalidClientTokenId": "denied",
    "InvalidGrantTokenException": "denied",
    "InvalidSignatureException": "denied",
    "MissingAuthenticationToken": "denied",
    "NotAuthorized": "denied",
    "UnrecognizedClientException": "denied",
    "LimitExceededException": "denied",
    "AlreadyExistsException": "key_exists",
    "DisabledException": "key_disabled",
    "KMSInvalidStateException": "key_disabled",
    "NotFoundException": "unknown_key",
    "IncorrectKeyException": "wrong_context",
    "InvalidCiphertextException": "wrong_context",
    "InvalidKeyUsageException": "wrong_purpose",
    "UnsupportedOperationException": "curve_not_offered",
    "ValidationException": "wrong_length",
}
_PASSES = frozenset(
    {
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "KMSInternalException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
    }
)
_HTTP_SERVER_ERROR = 500


def code_of(error: botocore.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(action: str, on: str) -> Iterator[None]:
    """Raises: CustodyRefusedError, CustodyUnavailableError.

    *action*: as policies name it, ``kms:Sign``; *on* what.
    """
    try:
        yield
    except botocore.ClientError as error:
        raise _meant(error, action, on) from error
    except (botocore.NoCredentialsError, botocore.CredentialRetrievalError) as error:
        msg = f"{action} on {on}: no AWS credentials were found"
        raise CustodyRefusedError("denied", msg) from error
    except botocore.BotoCoreError as error:
        msg = f"KMS does not answer: {type(error).__name__} ({action} on {on})"
        raise CustodyUnavailableError(msg) from error


def _meant(error: botocore.ClientError, action: str, on: str) -> Exception:
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _PASSES or (code not in _REFUSALS and status >= _HTTP_SERVER_ERROR):
        return CustodyUnavailableError(f"KMS: {code} ({action} on {on})")
    meant = _REFUSALS.get(code, "denied")
    if meant == "denied":
        return CustodyRefusedError(meant, f"this process may not {action} on {on} ({code})")
    return CustodyRefusedError(meant, f"KMS: {code} ({action} on {on})")
