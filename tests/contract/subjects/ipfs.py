"""Documents on a node of IPFS that is ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.ipfs import connect
from application.ports.metadata import MetadataStore
from tests.adapters.ipfs.node import running


@contextmanager
def metadata_store() -> Iterator[MetadataStore]:
    with running() as node:
        yield connect(node.url)
