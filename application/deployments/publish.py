"""A token's document is published before anything that points at it is signed."""

from attrs import frozen

from application.ports.metadata import (
    MetadataRefusedError,
    MetadataStore,
    MetadataUnavailableError,
)
from domain.operation import Postponed, WaitReason
from domain.token import Document


@frozen(kw_only=True)
class Publish:
    metadata: MetadataStore

    def __call__(self, document: Document | None) -> Postponed | None:
        """See to it that *document* is where its token says; else why the token waits.

        Publishing it again is no error.
        """
        if document is None:
            return None
        where = self.metadata.url_of(document.content)
        if where != document.url:
            # The installation publishes elsewhere since the token was accepted.
            detail = f"its metadata belongs at {document.url}, and is published at {where} now"
            return Postponed(WaitReason.OPERATOR, detail)
        try:
            self.metadata.put(document.content)
        except MetadataRefusedError as error:
            return Postponed(WaitReason.OPERATOR, f"its metadata is not published: {error}")
        except MetadataUnavailableError as error:
            return Postponed(WaitReason.NODE_UNAVAILABLE, f"the metadata store: {error}")
        return None
