"""A box's name in a URL: how it is written, a colon, and the name."""

import base64
import binascii

from entrypoints.devnet.algod.encoding import EncodingError, address_bytes
from entrypoints.devnet.algod.limits import RefusedError


def box_name(text: str) -> bytes:
    """Raises: RefusedError: not one of the ways that algod reads, `abi` left out."""
    encoding, colon, name = text.partition(":")
    if not colon:
        raise RefusedError("all arguments and box names should be of the form 'encoding:value'")
    try:
        match encoding:
            case "str" | "string":
                return name.encode()
            case "b64" | "base64" | "byte base64":
                return base64.b64decode(name, validate=True)
            case "b32" | "base32" | "byte base32":
                return base64.b32decode(name + "=" * (-len(name) % 8))
            case "int" | "integer":
                return int(name).to_bytes(8, "big")
            case "addr" | "address":
                return address_bytes(name)
            case _:
                raise RefusedError(f"Unknown encoding: {encoding}")
    except (binascii.Error, ValueError, OverflowError, EncodingError) as error:
        raise RefusedError(f"Could not decode box name {text!r}") from error
