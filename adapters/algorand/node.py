"""One algod node over HTTP: questions, answers, and what went wrong in between."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from algosdk import constants
from algosdk.error import AlgodHTTPError
from algosdk.v2client.algod import AlgodClient, api_version_path_prefix

from adapters.line import Line, NotSentError, Said, TooLongError
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint

#: Bytes of an answer; there are large blocks, and accounts with many assets.
USUAL_SIZE = 2**20
LARGE_SIZE = 2**25
_LARGE = ("/blocks/", "/accounts/")
#: Where a line breaks or an answer is not what the SDK reads: sockets and HTTP raise the first
#: three, its decoding the others.
_FAILURES = (
    OSError,
    HTTPException,
    TooLongError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    RecursionError,
)
#: Answers that say "not now", among those from 400 to 499.
_LATER = frozenset({408, 425, 429})


class AnswerError(Exception):
    """The node answered that it will not (status 4xx).  It never leaves this adapter."""

    def __init__(self, node: str, question: str, status: int, said: Said) -> None:
        super().__init__(f"{node}: {question}: {said.words}")
        self.status = status
        self.said = said


class UnreachableError(ChainUnavailableError):
    """There is no connection to the node: it has not been sent a byte of the question."""


class Node:
    """One URL.  It asks once: when to ask again is not an adapter's decision."""

    def __init__(self, endpoint: Endpoint, answer_within: timedelta) -> None:
        """Raises: ValueError: the URL is not of HTTP."""
        line = Line(endpoint.url, endpoint.token)
        #: Host and port.  The rest of a node's URL is often a password.
        self.name = endpoint.name
        self._client = _Client(line, endpoint.token, answer_within.total_seconds())
        #: What the node said, fit to be shown; and to be judged as well.
        self.words = line.words
        self.said = line.said

    def ask(self, method: Callable[..., Any], *arguments: object, **options: object) -> Any:
        """What *method* of the SDK's client gives.

        Raises:
            AnswerError: a refusal.
            UnreachableError: nothing has been asked.
            ChainUnavailableError: nothing, or nothing that can be read.
        """
        question = method.__name__
        failure: Exception
        try:
            return getattr(self._client, question)(*arguments, **options)
        except AlgodHTTPError as error:
            status = error.code or 0
            failure = ChainUnavailableError(f"{self.name}: {question}: status {status}")
            if 400 <= status < 500 and status not in _LATER:
                failure = AnswerError(self.name, question, status, self.said(str(error)))
        except NotSentError as error:
            cause = type(error.__cause__).__name__
            failure = UnreachableError(f"{self.name}: {question}: {cause}")
        except _FAILURES as error:
            failure = ChainUnavailableError(f"{self.name}: {question}: {type(error).__name__}")
        # Raised out here, it has neither cause nor context: those may quote the URL, and with it
        # whatever password is in it.
        raise failure


class _Client(AlgodClient):
    """The SDK's questions, over a line of ours."""

    def __init__(self, line: Line, token: str | None, within_seconds: float) -> None:
        super().__init__(token or "", "")
        self._line = line
        self._within_seconds = within_seconds

    def algod_request(
        self,
        method: str,
        requrl: str,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        response_format: str | None = "json",
        timeout: int | None = None,  # noqa: ARG002 - the line's own is for the whole exchange
    ) -> Any:
        """As the SDK does it, but for how it is sent: each of its questions comes by here.

        Raises:
            AlgodHTTPError: an answer that is none, with the node's message if it has one.
            NotSentError, OSError, HTTPException, TooLongError, ValueError, RecursionError
        """
        told = {"User-Agent": "py-algorand-sdk"} | dict(headers or {})
        if self.algod_token:
            told[constants.algod_auth_header] = self.algod_token
        queries = filter(None, (urlencode(params or ()), self._line.query))
        path = self._line.path + api_version_path_prefix + requrl
        reply = self._line.ask(
            method,
            "?".join(filter(None, (path, "&".join(queries)))),
            told,
            data,
            within_seconds=self._within_seconds,
            at_most=LARGE_SIZE if requrl.startswith(_LARGE) else USUAL_SIZE,
        )
        if not 200 <= reply.status < 300:
            raise AlgodHTTPError(_message(reply.body) or f"status {reply.status}", reply.status)
        return json.loads(reply.body) if response_format == "json" else reply.body


def _message(body: bytes) -> str:
    """Only what is meant to be read: pages of proxies and stack traces are not."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else ""
