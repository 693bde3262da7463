"""One node over HTTP: questions, answers, and what went wrong in between."""

from datetime import timedelta
from typing import Any

from web3 import HTTPProvider
from web3.types import RPCEndpoint

from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint


class RpcError(Exception):
    """The node answered, with an error.  It never leaves this adapter."""

    def __init__(self, node: str, method: str, code: object, message: str, data: object) -> None:
        super().__init__(f"{node}: {method}: {message}")
        self.code = code
        self.message = message
        self.data = data


class Node:
    """One endpoint.  It asks once: when to ask again is not an adapter's decision."""

    def __init__(self, endpoint: Endpoint, answer_within: timedelta) -> None:
        self.name = endpoint.name
        headers = HTTPProvider.get_request_headers()
        if endpoint.token is not None:
            headers["Authorization"] = f"Bearer {endpoint.token}"
        self._provider = HTTPProvider(
            endpoint.url,
            request_kwargs={"timeout": answer_within.total_seconds(), "headers": headers},
            exception_retry_configuration=None,
        )

    def request(self, method: str, *parameters: object) -> Any:
        """The result the node gives.

        Raises:
            RpcError: it gives an error.
            ChainUnavailableError: it gives nothing, or nothing that is JSON-RPC.
        """
        try:
            answer = self._provider.make_request(RPCEndpoint(method), list(parameters))
        except (OSError, ValueError) as error:
            # Everything requests raises is an OSError; what is not JSON is a ValueError.  The
            # cause is cut off: it quotes the URL, and with it whatever password is in there.
            msg = f"{self.name}: {method}: {type(error).__name__}"
            raise ChainUnavailableError(msg) from None
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
                str(error_object.get("message", "")),
                error_object.get("data"),
            )
        raise RpcError(self.name, method, None, str(error_object), None)
