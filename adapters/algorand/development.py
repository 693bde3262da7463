"""Money for development networks, whose nodes make it on request."""

import json
from http.client import HTTPException
from urllib.parse import urlsplit

from adapters.line import Line, NotSentError, TooLongError
from application.ports.chain import ChainUnavailableError

_ANSWER_WITHIN_SECONDS = 10
_SIZE = 2**16


class NotADevelopmentNodeError(Exception):
    """The node gives no money away: it may be a real one."""


def fund(url: str, address: str, amount: int) -> None:
    """Give *address* *amount* more, in microalgos: `tallystick devnet` has a dispenser.

    Raises:
        ChainUnavailableError: no answer.
        NotADevelopmentNodeError: nothing was done.
    """
    host = urlsplit(url).hostname
    try:
        line = Line(url)
    except ValueError:
        raise NotADevelopmentNodeError(f"the URL of {host} is not one of HTTP") from None
    try:
        reply = line.ask(
            "POST",
            f"{line.path}/devnet/fund",
            {"Content-Type": "application/json"},
            json.dumps({"address": address, "amount": amount}).encode(),
            within_seconds=_ANSWER_WITHIN_SECONDS,
            at_most=_SIZE,
        )
    except (NotSentError, TooLongError, OSError, HTTPException, ValueError) as error:
        cause = type(error.__cause__ or error).__name__
        raise ChainUnavailableError(f"{host}: {cause}") from None
    if not 200 <= reply.status < 300:
        msg = f"{host} answers with status {reply.status} when asked for money"
        raise NotADevelopmentNodeError(msg)
