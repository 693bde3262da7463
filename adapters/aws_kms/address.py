"""Which region's KMS, and where it listens if that is not AWS."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

_REGION = re.compile(r"[a-z]{2}(-[a-z0-9]+)+-[0-9]+")


@frozen
class Address:
    region: str
    #: A VPC endpoint, or a double; None: AWS's own.
    endpoint: str | None = None

    @classmethod
    def read(cls, text: str) -> Address:
        """``eu-central-1``, ``eu-central-1?endpoint=https://…``.

        Raises:
            ValueError: says what is wrong.
        """
        region, _, query = text.partition("?")
        queries = dict(parse_qsl(query, keep_blank_values=True))
        if strangers := queries.keys() - {"endpoint"}:
            raise ValueError(f"only endpoint is understood, not {', '.join(sorted(strangers))}")
        if _REGION.fullmatch(region) is None:
            raise ValueError("it must be a region, as eu-central-1, and may have ?endpoint=URL")
        endpoint = queries.get("endpoint")
        if endpoint is not None:
            parts = urlsplit(endpoint)
            is_plain = parts.scheme in {"http", "https"} and parts.hostname
            if not is_plain or parts.username is not None or parts.password is not None:
                raise ValueError("the endpoint must be http(s)://HOST:PORT")
        return cls(region, endpoint)
