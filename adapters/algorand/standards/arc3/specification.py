"""What may be asked for: an asset's fields, and the document that its URL and its hash are of.

What is stored beside the fields is the document itself, byte for byte, under `TEXT`: from then on
nothing is serialised again, so that a later release cannot make other bytes of the same token.
"""

import base64
import json
from collections.abc import Mapping, Sequence

from adapters.algorand.fields import Hash, Text
from adapters.algorand.kind import DocumentUrl
from adapters.algorand.standards.arc3 import document
from adapters.algorand.standards.arc3.hashes import metadata_hash
from adapters.algorand.standards.asa.specification import FIELDS as ASSET_FIELDS
from adapters.algorand.standards.asa.specification import FRACTIONAL as FRACTIONAL_ASSET
from adapters.algorand.standards.asa.specification import FUNGIBLE as FUNGIBLE_ASSET
from adapters.algorand.standards.asa.specification import UNIQUE as UNIQUE_ASSET
from adapters.algorand.standards.asa.specification import asset
from domain.errors import FieldFault, MisuseError, Refusal
from domain.fields import Field, Missing, Value, invalid, read_all
from domain.token import Document, Token, TokenKind

FUNGIBLE = TokenKind("arc3_ft")
UNIQUE = TokenKind("arc3_nft")
FRACTIONAL = TokenKind("arc3_fnft")

#: ARC-3: how an asset says that its URL is one of metadata.
ENDING = "#arc3"
#: Of an asset's URL, in bytes (go-algorand, config/consensus.go: MaxAssetURLBytes).
LONGEST_URL = 96
#: The document as it is published, among the stored parameters.
TEXT = "metadata_json"

_COMPUTED = ("url", "metadata_hash")

#: What is asked for beside the metadata.
FIELDS: Mapping[TokenKind, Sequence[Field]] = {
    kind: tuple(each for each in ASSET_FIELDS[asset] if each.name not in _COMPUTED)
    for kind, asset in (
        (FUNGIBLE, FUNGIBLE_ASSET),
        (UNIQUE, UNIQUE_ASSET),
        (FRACTIONAL, FRACTIONAL_ASSET),
    )
}
_STORED: Sequence[Field] = (
    Text(name="url", longest=LONGEST_URL, explanation=""),
    Hash(name="metadata_hash", explanation=""),
)


_PICTURE = {
    "image": "ipfs://bafkreibbegfrrqj4iydezfi35luq5n6z2mcbxsxsflmo4nz6dr5pxgnqba",
    "image_integrity": "sha256-ISGLGME8RgZMlRvq6Q632dMEG8ryKtju434cevuZsAg=",
    "image_mimetype": "image/png",
}
#: For those who ask for their first one: what they must say, and a little more.
EXAMPLES: Mapping[TokenKind, Mapping[str, object]] = {
    FUNGIBLE: {
        "name": "Hazel Points",
        "unit_name": "HZL",
        "total": "100000000",
        "decimals": 2,
        "clawback": None,
        "metadata": {
            "description": "A point for every cup of coffee.",
            **_PICTURE,
            "external_url": "https://example.com/hazel",
        },
    },
    UNIQUE: {
        "name": "Deed of 12 Elm Street",
        "unit_name": "DEED",
        "metadata": {**_PICTURE, "properties": {"street": "Elm Street", "number": 12}},
    },
    FRACTIONAL: {
        "name": "House at the Lake",
        "unit_name": "LAKE",
        "decimals": 6,
        "metadata": {"description": "A millionth of a house.", "background_color": "88aa99"},
    },
}


def schema(kind: TokenKind) -> dict[str, object]:
    """JSON Schema 2020-12 of what may be asked for."""
    fields = FIELDS[kind]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [each.name for each in fields if isinstance(each.default, Missing)],
        "properties": {
            **{each.name: each.schema() for each in fields},
            document.FIELD: document.schema(),
        },
        "examples": [dict(EXAMPLES[kind])],
    }


def validated(
    kind: TokenKind, parameters: Mapping[str, object], document_url: DocumentUrl
) -> Token | Refusal:
    """The token that *parameters* ask for, or every fault in them."""
    rest = {name: value for name, value in parameters.items() if name != document.FIELD}
    values, faults = read_all(FIELDS[kind], rest)
    metadata = parameters.get(document.FIELD, {})
    faults += tuple(document.faults_in(metadata))
    if faults or not isinstance(metadata, Mapping):
        return invalid("invalid_token", faults)
    content = document.document(str(values["name"]), _decimals(values), metadata)
    if isinstance(content, FieldFault):
        return invalid("invalid_token", (content,))
    url = document_url(content) + ENDING
    if len(url.encode()) > LONGEST_URL:
        raise MisuseError(f"{url} has more than {LONGEST_URL} bytes: documents are kept too deep")
    hashed = base64.b64encode(metadata_hash(content)).decode()
    return asset(kind, values | {"url": url, "metadata_hash": hashed, TEXT: content.decode()})


def stored(kind: TokenKind, parameters: Mapping[str, object]) -> Token:
    """The token of parameters that `validated` once completed.

    Raises:
        MisuseError: these are not: the document is not the one that the hash is of, or not of
            this token.
    """
    text = parameters.get(TEXT)
    rest = {name: value for name, value in parameters.items() if name != TEXT}
    values, faults = read_all([*FIELDS[kind], *_STORED], rest)
    if faults or values != rest or not isinstance(text, str) or not _is_document(text, values):
        raise MisuseError(f"{parameters!r} are not the stored parameters of an {kind}")
    return asset(kind, values | {TEXT: text})


def document_of(token: Token) -> Document:
    return Document(
        content=str(token.parameters[TEXT]).encode(),
        url=str(token.parameters["url"]).removesuffix(ENDING),
    )


def _is_document(text: str, values: Mapping[str, Value]) -> bool:
    """Whether *text* is what hash, name and decimals are of."""
    try:
        content, found = json.loads(text), metadata_hash(text.encode())
    except (ValueError, RecursionError):
        return False
    return (
        base64.b64encode(found).decode() == values["metadata_hash"]
        and (content.get("name"), content.get("decimals")) == (values["name"], _decimals(values))
        and str(values["url"]).endswith(ENDING)
    )


def _decimals(values: Mapping[str, Value]) -> int:
    return int(values.get("decimals") or 0)
