import base64
import hashlib

from attrs import define, field

from application.ports.metadata import LARGEST, MetadataRefusedError, MetadataStore


@define
class MemoryMetadata(MetadataStore):
    documents: dict[bytes, bytes] = field(factory=dict, repr=False)
    host: str = "memory.invalid"
    #: What every question ends with, for as long as it is set.
    failure: Exception | None = None

    def url_of(self, document: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(document).digest())
        return f"https://{self.host}/m/{digest.rstrip(b'=').decode()}"

    def put(self, document: bytes) -> None:
        self._fail()
        if len(document) > LARGEST:
            raise MetadataRefusedError(f"{len(document)} bytes are more than {LARGEST}")
        self.documents[hashlib.sha256(document).digest()] = document

    def get(self, digest: bytes) -> bytes | None:
        self._fail()
        return self.documents.get(digest)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
