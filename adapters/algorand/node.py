"""One algod node over HTTP: questions, answers, and what went wrong in between."""

from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from algosdk.error import AlgodHTTPError, AlgodRequestError, AlgodResponseError
from algosdk.v2client.algod import AlgodClient

from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint

#: Everything the SDK's client lets through where a line breaks or an answer is not what it reads:
#: sockets and urllib raise the first two, its decoding the others.
_FAILURES = (
    OSError,
    HTTPException,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
    AlgodRequestError,
    AlgodResponseError,
)
#: Answers that say "not now", among those from 400 to 499.
_LATER = frozenset({408, 425, 429})


class AnswerError(Exception):
    """The node answered that it will not (status 4xx).  It never leaves this adapter."""

    def __init__(self, node: str, question: str, status: int, message: str) -> None:
        super().__init__(f"{node}: {question}: {message}")
        self.status = status
        self.message = message


class Node:
    """One URL.  It asks once: when to ask again is not an adapter's decision."""

    def __init__(self, endpoint: Endpoint, answer_within: timedelta) -> None:
        """Raises: ValueError: the URL is not of HTTP."""
        if urlsplit(endpoint.url).scheme not in {"http", "https"}:
            raise ValueError(f"the URL of node {endpoint.name} is not one of HTTP")
        #: Host and port.  The rest of a node's URL is often a password.
        self.name = endpoint.name
        self._seconds = answer_within.total_seconds()
        self._client = AlgodClient(endpoint.token or "", endpoint.url.rstrip("/"))

    def ask(self, method: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """What *method* of the SDK's client gives.

        Raises:
            AnswerError: a refusal.
            ChainUnavailableError: nothing, or nothing that can be read.
        """
        question = getattr(method, "__name__", "question")
        try:
            return method(self._client, *arguments, timeout=self._seconds, **options)
        except AlgodHTTPError as error:
            status = error.code if isinstance(error.code, int) else 0
            if 400 <= status < 500 and status not in _LATER:
                raise AnswerError(self.name, question, status, str(error)) from None
            raise ChainUnavailableError(f"{self.name}: {question}: status {status}") from None
        except _FAILURES as error:
            # The cause is cut off: it may quote the URL, and with it whatever password is in it.
            msg = f"{self.name}: {question}: {type(error).__name__}"
            raise ChainUnavailableError(msg) from None
