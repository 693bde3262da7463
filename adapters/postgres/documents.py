"""Documents in the database, which this installation serves itself under ``/m/``."""

import base64
import hashlib

from attrs import frozen

from adapters.postgres import queries
from adapters.postgres.storage import PostgresStore
from application.ports.metadata import (
    LARGEST,
    MetadataRefusedError,
    MetadataStore,
    MetadataUnavailableError,
)
from application.ports.storage.work import Scope, StoreUnavailableError

DOCUMENTS = queries.load("documents.sql")


@frozen
class PostgresMetadata(MetadataStore):
    _store: PostgresStore
    #: What answers ``/m/``: ``https://meta.example.com``.
    base_url: str

    def url_of(self, document: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(document).digest())
        return f"{self.base_url}/m/{digest.rstrip(b'=').decode()}"

    def put(self, document: bytes) -> None:
        if len(document) > LARGEST:
            raise MetadataRefusedError(f"{len(document)} bytes are more than {LARGEST}")
        row = {"digest": hashlib.sha256(document).digest(), "content": document}
        try:
            with self._store.transaction(Scope()) as transaction:
                transaction.change(DOCUMENTS["insert_document"], row)
        except StoreUnavailableError as error:
            raise MetadataUnavailableError(str(error)) from error

    def get(self, digest: bytes) -> bytes | None:
        try:
            with self._store.transaction(Scope()) as transaction:
                row = transaction.row(DOCUMENTS["select_document"], {"digest": digest})
        except StoreUnavailableError as error:
            raise MetadataUnavailableError(str(error)) from error
        return bytes(row["content"]) if row else None
