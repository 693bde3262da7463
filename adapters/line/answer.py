"""One HTTP/1.1 answer, as it arrives.

It is taken apart by llhttp, as `httptools` has it: `http.client` has headers read by a parser of
mail, and a worker asks nodes a dozen things for each deployment.
"""

import re
from collections.abc import Callable, Mapping
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

import httptools

#: Bytes until the headers are over, as for `http.client`; and until there is more of the body, or
#: its end: between its chunks anything may be said as well.
MOST_OF_A_HEAD = 65_536
_PIECE = 65_536
#: Before this status others are still to come (RFC 9110, 15.2).
_FINAL = 200
#: Neither ends a line nor a word of one; RFC 9112, 3 and 5.5.
_BAD_TARGET = re.compile(r"[^\x21-\x7e]")
_BAD_HEADER = re.compile(r"[^\x20-\x7e\t\x80-\xff]")


class TooLongError(Exception):
    """The body is larger than it may be."""


def question(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The bytes of a request.  Raises: ValueError: a part of it would not stay in its place."""
    sent = {"Accept-Encoding": "identity", **headers}
    if body is not None:
        sent["Content-Length"] = str(len(body))
    if _BAD_TARGET.search(target) or any(
        _BAD_HEADER.search(value) or _BAD_TARGET.search(name) for name, value in sent.items()
    ):
        raise ValueError("a request has a letter that has no place in it")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {sent[name]}" for name in sent), "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def heard(receive: Callable[[int], bytes], at_most: int) -> "Heard":
    """What is answered; *receive* gives up to so many bytes, and none at the end.

    Raises:
        TooLongError: the body has more than *at_most* bytes.
        HTTPException: it is no answer, or not all of one.
        OSError: of *receive*.
    """
    answer = Heard(at_most)
    while not answer.is_over:
        piece = receive(_PIECE)
        if piece:
            answer.feed(piece)
        else:
            answer.end()
    return answer


class Heard:
    """An answer as far as it has come; what begins with ``on_`` the parser calls."""

    def __init__(self, at_most: int) -> None:
        self.status = 0
        self.is_over = False
        #: Nothing more can be asked on this connection.
        self.will_close = False
        self._at_most = at_most
        self._body = bytearray()
        #: Bytes of pieces since one ended the head, or brought some of the body.
        self._beside = 0
        self._has_begun = self._has_head = False
        #: Where the body ends is said; else it ends with the connection.
        self._is_framed = False
        self._is_too_long = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def feed(self, piece: bytes) -> None:
        """Raises: TooLongError, HTTPException."""
        self._has_begun, known = True, (self._has_head, len(self._body))
        try:
            self._parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Whatever comes behind it, nobody asked for.
            self.will_close = True
            if not self.is_over:
                raise HTTPException(f"{type(error).__name__}: this is no answer") from None
        if self._is_too_long:
            raise TooLongError
        is_further = known != (self._has_head, len(self._body))
        self._beside = 0 if is_further else self._beside + len(piece)
        if self._beside > MOST_OF_A_HEAD and not self.is_over:
            raise HTTPException("what is said beside the body has no end")

    def end(self) -> None:
        """The connection is over.  Raises: HTTPException: and the answer is not."""
        if not self._has_begun:
            raise RemoteDisconnected("the connection ended without an answer")
        if not self._has_head or self._is_framed:
            raise IncompleteRead(self.body)
        self.is_over = self.will_close = True

    def on_message_begin(self) -> None:
        if self.is_over:
            self.will_close = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_over:
            return
        field = name.lower()
        if field == b"content-length":
            self._is_framed = True
            self._is_too_long |= int(value) > self._at_most
        elif field == b"transfer-encoding":
            self._is_framed = True

    def on_headers_complete(self) -> None:
        if not self.is_over:
            self.status = self._parser.get_status_code()
            self._has_head = self.status >= _FINAL

    def on_body(self, part: bytes) -> None:
        if self.is_over:
            return
        self._body += part
        self._is_too_long |= len(self._body) > self._at_most

    def on_message_complete(self) -> None:
        if self._has_head and not self.is_over:
            self.is_over = True
            self.will_close |= not self._parser.should_keep_alive()
