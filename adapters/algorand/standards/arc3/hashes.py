"""The hash by which an asset is bound to its document (ARC-3, *Asset Metadata Hash*)."""

import base64
import hashlib
import json

# SHA-512/256, which hashlib has only where OpenSSL does.
from algosdk.encoding import checksum


def metadata_hash(document: bytes) -> bytes:
    """32 bytes over exactly these bytes.

    A document with the property ``extra_metadata``, and be it empty, has another rule than one
    without.

    Raises:
        ValueError: it is no JSON object in UTF-8, or its extra metadata is not base64.
    """
    match json.loads(document):
        case {"extra_metadata": str(text)}:
            extra = base64.b64decode(text, validate=True)
            inner: bytes = checksum(b"arc0003/amj" + document)
            outer: bytes = checksum(b"arc0003/am" + inner + extra)
            return outer
        case {"extra_metadata": _}:
            raise ValueError("extra_metadata is no string")
        case dict():
            return hashlib.sha256(document).digest()
        case _:
            raise ValueError("the metadata is no JSON object")
