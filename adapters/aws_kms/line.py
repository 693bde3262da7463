"""The line to KMS: made when it is first needed, and no question asked twice.

Whoever asked waits and asks again; a client that did so too would multiply the waiting.
"""

from __future__ import annotations

import threading
from typing import Any

import boto3
from attrs import define, field
from botocore import xform_name
from botocore.config import Config

from adapters.aws_kms.address import Address
from adapters.aws_kms.errors import translated

_CONFIG = Config(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1}
)


@define(eq=False)
class Line:
    address: Address
    _client: Any = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def ask(self, action: str, on: str, **arguments: Any) -> Any:
        """KMS's answer to *action*, ``Sign``.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        with translated(f"kms:{action}", on):
            return getattr(self._made(), xform_name(action))(**arguments)

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                # A session of its own: making clients from the shared one is not thread-safe.
                session = boto3.session.Session(region_name=self.address.region)
                self._client = session.client(
                    "kms", endpoint_url=self.address.endpoint, config=_CONFIG
                )
            return self._client
