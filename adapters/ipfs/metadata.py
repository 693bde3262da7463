"""One document is one block: its content id is computed here, and the node has to agree.

The id is a CIDv1 of the codec *raw* over SHA-256 (multiformats.io: version 0x01, raw 0x55,
sha2-256 0x12 of 0x20 bytes, in lower-case base32 behind the ``b`` that names the base).  So it
follows from the content alone, and whatever a node says, a token never points at anything else.

What travels: ``POST /api/v0/add`` and ``POST /api/v0/block/get`` (the RPC API of Kubo), in a
limited time, with a limited answer, and never to another place than the configured one.
"""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
from attrs import field, frozen

from application.ports.metadata import (
    LARGEST,
    MetadataRefusedError,
    MetadataStore,
    MetadataUnavailableError,
)

_RAW_SHA256 = bytes.fromhex("01551220")
#: Of an answer that is no document, in bytes.
_LONGEST_ANSWER = 16_384
#: How the node makes of a document one raw block, and keeps it.
_ONE_BLOCK: Mapping[str, str] = {
    "cid-version": "1",
    "raw-leaves": "true",
    "hash": "sha2-256",
    "chunker": f"size-{LARGEST}",
    "pin": "true",
    "progress": "false",
}
#: Words of a node that has looked in its own store only, and found nothing.
_NOT_FOUND = "not found"
_WORDS = 200


def cid_of(digest: bytes) -> str:
    """The content id of the bytes whose SHA-256 is *digest*."""
    encoded = base64.b32encode(_RAW_SHA256 + digest).decode()
    return "b" + encoded.lower().rstrip("=")


@frozen
class _Answer:
    status: int
    content: bytes = field(repr=False)

    @property
    def message(self) -> str:
        """What a node says of an error."""
        words = _member("Message", self.content)
        return str(words or f"HTTP {self.status}")[:_WORDS]


@frozen
class IpfsMetadata(MetadataStore):
    _client: httpx.Client = field(repr=False)
    _wait_seconds: float

    @classmethod
    def at(cls, url: str, wait_seconds: float) -> "IpfsMetadata":
        client = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=httpx.Timeout(wait_seconds),
            follow_redirects=False,
            # Documents are rare: nothing is kept open between them.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept-Encoding": "identity", "User-Agent": "tallystick"},
        )
        return cls(client, wait_seconds)

    def url_of(self, document: bytes) -> str:
        return f"ipfs://{cid_of(hashlib.sha256(document).digest())}"

    def put(self, document: bytes) -> None:
        if len(document) > LARGEST:
            raise MetadataRefusedError(f"{len(document)} bytes are more than {LARGEST}")
        wanted = cid_of(hashlib.sha256(document).digest())
        answer = self._ask(
            "add",
            _ONE_BLOCK,
            _LONGEST_ANSWER,
            files={"file": ("document", document, "application/octet-stream")},
        )
        if answer.status in {401, 403}:
            raise MetadataRefusedError(f"the IPFS node: {answer.message}")
        if answer.status != 200:
            raise MetadataUnavailableError(f"the IPFS node: {answer.message}")
        found = _member("Hash", answer.content)
        if found != wanted:
            raise MetadataUnavailableError(
                f"the IPFS node stored {str(found)[:_WORDS]} in the place of {wanted}"
            )

    def get(self, digest: bytes) -> bytes | None:
        """From the node's own store: it does not look elsewhere."""
        asked = {"arg": cid_of(digest), "offline": "true"}
        answer = self._ask("block/get", asked, LARGEST)
        if answer.status == 500 and _NOT_FOUND in answer.message:
            return None
        if answer.status != 200:
            raise MetadataUnavailableError(f"the IPFS node: {answer.message}")
        if hashlib.sha256(answer.content).digest() != digest:
            raise MetadataUnavailableError("the IPFS node gave other bytes than those asked for")
        return answer.content

    def _ask(self, command: str, options: Mapping[str, str], longest: int, **body: Any) -> _Answer:
        """Raises: MetadataUnavailableError: no answer, too long a one, or one too late."""
        deadline = time.monotonic() + 3 * self._wait_seconds
        content = bytearray()
        try:
            with self._client.stream(
                "POST", f"/api/v0/{command}", params=dict(options), **body
            ) as response:
                for piece in response.iter_raw():
                    content += piece
                    if len(content) > longest:
                        raise MetadataUnavailableError(
                            f"the IPFS node answered with more than {longest} bytes"
                        )
                    if time.monotonic() > deadline:
                        raise MetadataUnavailableError("the IPFS node did not come to an end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            words = f"the IPFS node: {type(error).__name__} {error}"
            raise MetadataUnavailableError(words[:_WORDS]) from error
        return _Answer(response.status_code, bytes(content))


def _member(name: str, content: bytes) -> object:
    """Of the JSON object that *content* is; None: it has none, or is none."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return said.get(name) if isinstance(said, dict) else None
