"""Where a token is: the part of RFC 7512's URIs that names a token and its module."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import parse_qsl, unquote

from attrs import frozen


@frozen
class TokenAddress:
    #: The token's label.
    label: str
    #: The vendor's library.
    module: str

    @classmethod
    def read(cls, text: str) -> TokenAddress:
        """``token=NAME?module-path=FILE``.

        Raises:
            ValueError: says what is wrong; a PIN does not belong here.
        """
        path, _, query = text.partition("?")
        parts = dict(part.partition("=")[::2] for part in path.split(";") if part)
        queries = dict(parse_qsl(query, keep_blank_values=True))
        strangers = [*(parts.keys() - {"token"}), *(queries.keys() - {"module-path"})]
        if strangers:
            names = ", ".join(sorted(strangers))
            raise ValueError(f"only token and module-path are understood, not {names}")
        label, module = unquote(parts.get("token", "")), queries.get("module-path", "")
        if not label or not PurePath(module).is_absolute():
            raise ValueError("it must be token=NAME?module-path=FILE, with the file's whole path")
        return cls(label, module)
