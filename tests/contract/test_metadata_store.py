"""What every metadata store promises: the bytes are found under their content."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.metadata import LARGEST, MetadataRefusedError


def a_document():
    return b'{"name":"' + uuid4().hex.encode() + b'"}'


def digest_of(document):
    return hashlib.sha256(document).digest()


def test_what_was_put_is_found_under_its_digest(metadata_store):
    document = a_document()
    metadata_store.put(document)
    assert metadata_store.get(digest_of(document)) == document


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.binary(max_size=2_000))
def test_bytes_come_back_as_they_went(metadata_store, document):
    metadata_store.put(document)
    assert metadata_store.get(digest_of(document)) == document


def test_what_was_never_put_is_not_there(metadata_store):
    assert metadata_store.get(digest_of(a_document())) is None


def test_asking_where_a_document_is_stores_nothing(metadata_store):
    document = a_document()
    metadata_store.url_of(document)
    assert metadata_store.get(digest_of(document)) is None


def test_putting_it_again_is_no_error(metadata_store):
    document = a_document()
    for _ in range(3):
        metadata_store.put(document)
    assert metadata_store.get(digest_of(document)) == document


def test_many_may_put_the_same_at_once(metadata_store):
    document = a_document()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(metadata_store.put, [document] * 16))
    assert metadata_store.get(digest_of(document)) == document


def test_an_address_follows_from_the_content_alone(metadata_store):
    one, other = a_document(), a_document()
    before = metadata_store.url_of(one)
    metadata_store.put(one)
    assert metadata_store.url_of(one) == before
    assert metadata_store.url_of(other) != before


def test_an_address_is_one_that_a_token_may_name(metadata_store):
    """ARC-3: https or ipfs and no blank; with its ending it fits into the 96 bytes of an asset."""
    url = metadata_store.url_of(a_document())
    assert url.startswith(("https://", "ipfs://"))
    assert not any(letter.isspace() for letter in url)
    assert "#" not in url
    assert len(f"{url}#arc3".encode()) <= 96


def test_the_largest_document_is_taken_and_no_larger_one(metadata_store):
    largest = a_document().ljust(LARGEST)
    metadata_store.put(largest)
    assert metadata_store.get(digest_of(largest)) == largest
    with pytest.raises(MetadataRefusedError):
        metadata_store.put(largest + b" ")
    assert metadata_store.get(digest_of(largest + b" ")) is None
