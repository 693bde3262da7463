"""/m/{digest}: the documents that tokens point at, for everybody who reads a token.

A document is somebody's text under our name: it is served as data, which no browser may run or
frame, from a host name of its own where the operator has one (`DocumentHost`).
"""

import base64
import binascii
import hashlib
import re

from attrs import frozen
from litestar import Response, get
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from entrypoints.http.authentication import Source
from entrypoints.http.decoding import AnyRequest
from entrypoints.http.operations import Operation
from entrypoints.http.problems import not_found
from entrypoints.http.services import Documents, Given

_FOLDER = "/m/"
#: No route; what is asked there is answered like whatever else is not there.
_NOWHERE = "/-"

_BASE64URL = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_HEADERS = {
    # ARC-3: "MUST be such that the returned resource includes the CORS header".
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Under this name there are never other bytes.
    "Cache-Control": "public, max-age=31536000, immutable",
}


@get(
    "/m/{digest:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_document", tag="documents", summary="What a token's URL points at",
        description="The exact bytes that the token's metadata hash is of. The name is their "
        "SHA-256 in URL-safe base64 without padding, so they never change.",
        answers="Document", is_public=True, codes=("not_found",),
        empty={304: "You have it: the ETag is the one you sent."},
    ).opt,
)  # fmt: skip
def get_document(
    digest: FromPath[str],
    request: AnyRequest,
    source: Given[Source],  # noqa: ARG001 - strangers are counted
    documents: Documents,
) -> Response[bytes]:
    raw = _digest(digest)
    content = documents.get(raw) if raw is not None else None
    if content is None:
        raise not_found("document")
    headers = _HEADERS | {"ETag": f'"{digest}"'}
    known = {each.strip() for each in request.headers.get("If-None-Match", "").split(",")}
    if known & {"*", f'"{digest}"', f'W/"{digest}"'}:
        return Response(b"", status_code=304, media_type="application/json", headers=headers)
    return Response(content, media_type="application/json", headers=headers)


HANDLERS = (get_document,)


def _digest(text: str) -> bytes | None:
    """The bytes, where *text* is their one spelling."""
    if not _BASE64URL.fullmatch(text):
        return None
    try:
        raw = base64.urlsafe_b64decode(f"{text}=")
    except binascii.Error:
        return None
    is_canonical = base64.urlsafe_b64encode(raw) == f"{text}=".encode()
    return raw if is_canonical and len(raw) == hashlib.sha256().digest_size else None


@frozen(kw_only=True)
class DocumentHost:
    """Where documents have a host name of their own, it has them and nothing else has them.

    So what a browser keeps for the API's origin (and who is logged in there) is out of reach of
    whatever a document may turn out to be.
    """

    app: ASGIApp
    #: In lower case, without a port.
    host: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            is_document = scope["path"].startswith(_FOLDER)
            if is_document != (_host(scope) == self.host):
                scope["path"], scope["raw_path"] = _NOWHERE, _NOWHERE.encode()
        await self.app(scope, receive, send)


def _host(scope: Scope) -> str:
    host = Headers.from_scope(scope).get("host", "").lower()
    return re.sub(r":[0-9]*$", "", host).rstrip(".")
