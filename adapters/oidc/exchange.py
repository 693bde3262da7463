"""Asking the provider: through the guard, in JSON, no more than there is room for, and never by so
many at once that a provider that hangs takes the threads that other requests need.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, NoReturn
from urllib.parse import urlencode

from attrs import define, field, frozen

from application.ports.egress import Egress, EgressRefusedError, EgressUnavailableError, Reply
from application.ports.identity_provider import IdentityRefusedError, IdentityUnavailableError

#: Of metadata, key sets and answers about a person.
LONGEST = 64 * 1024
AT_ONCE = 8

Document = dict[str, Any]


@define(eq=False)
class Exchange:
    """Every method raises IdentityRefusedError, IdentityUnavailableError."""

    _egress: Egress
    _places: BoundedSemaphore = field(factory=lambda: BoundedSemaphore(AT_ONCE), repr=False)

    def may_be_shown(self, url: str) -> None:
        """A page that somebody is sent to, who cannot judge it."""
        with self._asking():
            self._egress.check(url)

    def get(self, url: str, bearer: str | None = None) -> Document:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        with self._asking():
            reply = self._egress.fetch(url, headers, LONGEST)
        if reply.status != 200:
            raise IdentityUnavailableError(f"the provider answers {reply.status}")
        return _document(reply)

    def post(
        self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any
    ) -> "Posted":
        """As Authlib's client asks a session; *auth* is a `ClientAuth` of its."""
        # The guard says what it accepts itself.
        sent = {name: value for name, value in headers.items() if name != "Accept"}
        target, sent, body = auth.prepare("POST", url, sent, urlencode(data))
        with self._asking(), self._egress.line(target) as line:
            reply = line.post(body.encode(), sent)
        # RFC 6749, 5: a token with 200, a reason with 400 or 401.
        if reply.status not in {200, 400, 401}:
            raise IdentityUnavailableError(f"the provider answers {reply.status}")
        return Posted(reply)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise IdentityUnavailableError("the provider is being asked by too many at once")
        try:
            yield
        except EgressRefusedError as error:
            raise IdentityRefusedError(f"url:{error.code}") from error
        except (EgressUnavailableError, ValueError) as error:
            # A ValueError: what would be a header is not one line of ASCII.
            raise IdentityUnavailableError("the provider does not answer") from error
        finally:
            self._places.release()


@frozen
class Posted:
    """As much of an answer as Authlib's client asks for."""

    _reply: Reply

    @property
    def status_code(self) -> int:
        return self._reply.status

    def json(self) -> Document:
        return _document(self._reply)

    def raise_for_status(self) -> NoReturn:
        raise IdentityUnavailableError(f"the provider answers {self._reply.status}")


def _document(reply: Reply) -> Document:
    if reply.is_cut:
        raise IdentityUnavailableError("the provider's answer does not end")
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise IdentityUnavailableError("the provider's answer is no JSON") from error
    if not isinstance(found, dict):
        raise IdentityUnavailableError("the provider's answer is no JSON object")
    return found
