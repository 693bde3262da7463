"""Money for development networks, whose nodes make it on request."""

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from application.ports.chain import ChainUnavailableError

_ANSWER_WITHIN_SECONDS = 10


class NotADevelopmentNodeError(Exception):
    """The node gives no money away: it may be a real one."""


def fund(url: str, address: str, amount: int) -> None:
    """Give *address* *amount* more, in microalgos: `tallystick devnet` has a dispenser.

    Raises:
        ChainUnavailableError: no answer.
        NotADevelopmentNodeError: nothing was done.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise NotADevelopmentNodeError(f"the URL of {parts.hostname} is not one of HTTP")
    wanted = json.dumps({"address": address, "amount": amount}).encode()
    request = Request(  # noqa: S310 - the scheme was looked at
        f"{url.rstrip('/')}/devnet/fund", wanted, {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=_ANSWER_WITHIN_SECONDS) as answer:  # noqa: S310 - as above
            answer.read()
    except HTTPError as error:
        with error:
            msg = f"{parts.hostname} answers with status {error.code} when asked for money"
        raise NotADevelopmentNodeError(msg) from None
    except (OSError, HTTPException) as error:
        raise ChainUnavailableError(f"{parts.hostname}: {type(error).__name__}") from None
