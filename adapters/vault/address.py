"""Where a Vault is, and which of its transit engines is ours."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@frozen(kw_only=True)
class Address:
    url: str
    #: Where the transit engine is mounted.
    mount: str = "transit"
    namespace: str | None = None

    @classmethod
    def read(cls, text: str) -> Address:
        """``https://HOST:PORT?mount=…&namespace=…``; without TLS on the loopback only.

        Raises:
            ValueError: says what is wrong, and shows nothing that may be a secret.
        """
        parts = urlsplit(text)
        if parts.username is not None or parts.password is not None:
            raise ValueError("credentials do not belong in the address; see [vault]")
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in _LOOPBACK
        )
        if not is_safe or not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise ValueError("it must be https://HOST:PORT, and nothing behind it but ?mount=…")
        queries = dict(parse_qsl(parts.query, keep_blank_values=True))
        if strangers := queries.keys() - {"mount", "namespace"}:
            names = ", ".join(sorted(strangers))
            raise ValueError(f"only mount and namespace are understood, not {names}")
        return cls(
            url=f"{parts.scheme}://{parts.netloc}",
            mount=queries.get("mount", "").strip("/") or "transit",
            namespace=queries.get("namespace") or None,
        )
