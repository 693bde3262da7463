"""One node over HTTP: questions, answers, and what went wrong in between."""

from datetime import timedelta
from http.client import HTTPException
from typing import Any

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from adapters.line import Line, NotSentError, Said, TooLongError
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint

#: Bytes of an answer; there are large blocks, and many logs.
USUAL_SIZE = 2**22
LARGE_SIZE = 2**26
_LARGE = frozenset({"eth_getBlockByNumber", "eth_getLogs"})
#: Where a line breaks or an answer is not JSON: sockets and HTTP raise the first three, reading
#: the others.
_FAILURES = (OSError, HTTPException, TooLongError, ValueError, RecursionError)


class _StatusError(Exception):
    """The server has answered, and not with what was asked for."""


class RpcError(Exception):
    """The node answered, with an error.  It never leaves this adapter.

    *data* is fit to be kept and shown (`Node.words`); none is empty.
    """

    def __init__(self, node: str, method: str, code: object, said: Said, data: str) -> None:
        super().__init__(f"{node}: {method}: {said.words}")
        self.code = code
        self.said = said
        self.data = data


class Node:
    """One endpoint.  It asks once: when to ask again is not an adapter's decision."""

    def __init__(self, endpoint: Endpoint, answer_within: timedelta) -> None:
        """Raises: ValueError: the URL is not of HTTP."""
        self.name = endpoint.name
        self._line = line = Line(endpoint.url, endpoint.token)
        self._provider = _Provider(line, endpoint.token, answer_within)
        #: What the node said, fit to be shown.
        self.words = line.words

    def request(self, method: str, *parameters: object) -> Any:
        """The result the node gives.

        Raises:
            RpcError: it gives an error.
            ChainUnavailableError: it gives nothing, or nothing that is JSON-RPC.
        """
        try:
            answer = self._provider.make_request(RPCEndpoint(method), list(parameters))
        except _StatusError as error:
            failure = str(error)
        except NotSentError as error:
            failure = type(error.__cause__).__name__
        except _FAILURES as error:
            failure = type(error).__name__
        else:
            return self._result(method, answer)
        # Raised out here, it has neither cause nor context: those may quote the URL, and with it
        # whatever password is in there.
        raise ChainUnavailableError(f"{self.name}: {method}: {failure}")

    def _result(self, method: str, answer: RPCResponse) -> Any:
        content: object = answer  # web3 believes it to be what JSON-RPC asks for
        if not isinstance(content, dict) or not {"result", "error"} & content.keys():
            raise ChainUnavailableError(f"{self.name}: {method}: the answer is not JSON-RPC")
        if content.get("error") is None:
            return content.get("result")
        error_object: object = content["error"]
        if isinstance(error_object, dict):
            raise RpcError(
                self.name,
                method,
                error_object.get("code"),
                self._said(error_object.get("message", "")),
                self.words(error_object.get("data") or ""),
            )
        raise RpcError(self.name, method, None, self._said(error_object), "")

    def _said(self, told: object) -> Said:
        # Only what is a text is judged as the node has said it: of anything else no wording is
        # known, and whoever writes it out escapes it.
        return self._line.said(told if isinstance(told, str) else self.words(told))


class _Provider(JSONBaseProvider):
    """web3's questions, over a line of ours."""

    def __init__(self, line: Line, token: str | None, answer_within: timedelta) -> None:
        super().__init__()
        self._line = line
        self._within_seconds = answer_within.total_seconds()
        self._headers = {"Content-Type": "application/json", "User-Agent": "tallystick"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Raises: NotSentError, _StatusError, any of `_FAILURES`."""
        reply = self._line.ask(
            "POST",
            "?".join(filter(None, (self._line.path or "/", self._line.query))),
            self._headers,
            self.encode_rpc_request(method, params),
            within_seconds=self._within_seconds,
            at_most=LARGE_SIZE if method in _LARGE else USUAL_SIZE,
        )
        if not 200 <= reply.status < 300:
            raise _StatusError(f"status {reply.status}")
        return self.decode_rpc_response(reply.body)
