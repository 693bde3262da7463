"""What the application asks of the world at addresses that members have chosen.

A stranger's URL may name our own database, a cloud's metadata service, or a server that never
answers.  Whoever asks one goes through here, and nowhere else.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from attrs import field, frozen


class EgressRefusedError(Exception):
    """We do not go there.  ``code`` is for programs, the message names no address of ours."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class EgressUnavailableError(Exception):
    """No answer, or none that ends; what was sent may have arrived."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@frozen(kw_only=True)
class Reply:
    """Of any status: a redirection is an answer, and is not followed."""

    status: int
    #: Names in lower case.
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)
    #: There was more, or it did not come in time.
    is_cut: bool = False


class Line(Protocol):
    """Several requests to one URL, one after the other."""

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises: EgressRefusedError, EgressUnavailableError."""
        ...


class Egress(Protocol):
    def check(self, url: str) -> None:
        """Whether we would go there now; nothing is sent.

        Raises:
            EgressRefusedError: it is no URL for us, or leads somewhere private.
            EgressUnavailableError: its name leads nowhere at the moment.
        """
        ...

    def fetch(self, url: str, headers: Mapping[str, str], longest: int) -> Reply:
        """GET it, at most *longest* bytes.  Raises: as `Line.post`."""
        ...

    def line(self, url: str) -> AbstractContextManager[Line]:
        """Closed at its end.  Asks nobody before it is used."""
        ...
