"""How good news leaves: JSON bytes, entity tags, pages and their cursors."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request, Response

from domain.errors import FieldFault
from entrypoints.http.problems import RefusedError, invalid

#: What is `Raw` is written already.
Json = str | int | bool | None | msgspec.Raw | Sequence["Json"] | Mapping[str, "Json"]

MEDIA_TYPE = "application/json"

#: Kept by the caller only, who asks each time whether it is still so.
_OF_ONE_CALLER = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


def answer(
    value: Json, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    return Response(
        _encoded(value), status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def answer_if_changed(value: Json, request: Request[Any, Any, Any]) -> Response[bytes]:
    """*value* with its ETag, or 304 where the client has it (RFC 9110, 13.1.2)."""
    return bytes_if_changed(_encoded(value), request, MEDIA_TYPE)


def bytes_if_changed(
    body: bytes,
    request: Request[Any, Any, Any],
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The same, of what is exactly these bytes: the tag is a strong one."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    tagged = {**_OF_ONE_CALLER, **(headers or {}), "ETag": tag}
    known = request.headers.get("If-None-Match", "").split(",")
    if {"*", tag} & {each.strip().removeprefix("W/") for each in known}:
        return Response(b"", status_code=304, media_type=media_type, headers=tagged)
    return Response(body, media_type=media_type, headers=tagged)


def prefers(request: Request[Any, Any, Any], media_type: str) -> bool:
    """Whether Accept names *media_type* before JSON."""
    accepted = [
        each.partition(";")[0].strip() for each in request.headers.get("Accept", "").split(",")
    ]
    known = [each for each in accepted if each in {media_type, MEDIA_TYPE, "*/*"}]
    return bool(known) and known[0] == media_type


def page(items: Sequence[Json], *, has_more: bool, last: str | None) -> Json:
    """*last* names the last item in the words of the list's cursor."""
    cursor = write_cursor(last) if has_more and last is not None else None
    return {"data": list(items), "has_more": has_more, "next_cursor": cursor}


def write_cursor(text: str) -> str:
    """Opaque, and no secret: it is looked up in the caller's own scope when it comes back."""
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str) -> str:
    """What `write_cursor` was given.

    Raises:
        RefusedError: it is none.
    """
    try:
        return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (NotBase64, ValueError) as error:
        raise bad_cursor() from error


def bad_cursor() -> RefusedError:
    """The one answer for a cursor that is nobody's and for one that is somebody else's."""
    return invalid([FieldFault("/cursor", "invalid_cursor", "is not a cursor of this list")])


def encoded(value: Json) -> msgspec.Raw:
    """*value* as a part of what leaves later."""
    return msgspec.Raw(_encoded(value))


def _encoded(value: Json) -> bytes:
    return msgspec.json.encode(value)
