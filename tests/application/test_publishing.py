"""A token that points at a document is not signed for before the document is published."""

import hashlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.ports.metadata import MetadataRefusedError, MetadataUnavailableError
from domain.deployment import State
from domain.operation import WaitReason
from domain.token import Document
from tests.application.house import House, examples
from tests.application.mortal import DEATHS, Fate

CONTENT = b'{"name":"Gold"}'
DIGEST = hashlib.sha256(CONTENT).digest()


def deploy(house):
    house.chain.document = Document(content=CONTENT, url=house.metadata.url_of(CONTENT))
    return house.deploy().id


def waits_unsigned(house, id, reason):
    """It waits for *reason*, nothing was signed, and it could still be cancelled."""
    deployment = house.get(id)
    assert (deployment.state, deployment.waiting) == (State.QUEUED, reason)
    assert not deployment.step.slots
    assert house.tokens(id) == 0
    house.is_intact()


def is_done(house, id):
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.tokens(id) == 1
    assert house.metadata.documents == {DIGEST: CONTENT}
    house.is_intact()


def test_the_document_is_there_when_the_token_is():
    house = House()
    is_done(house, deploy(house))


def test_accepting_publishes_nothing():
    house = House()
    deploy(house)
    assert house.metadata.documents == {}


def test_a_token_without_a_document_publishes_nothing():
    house = House()
    house.metadata.failure = MetadataUnavailableError("down")
    id = house.deploy().id
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (MetadataUnavailableError("the store is down"), WaitReason.NODE_UNAVAILABLE),
        (MetadataRefusedError("the store is full"), WaitReason.OPERATOR),
    ],
    ids=["unavailable", "refused"],
)
def test_it_waits_while_the_store_does_not_take_it(failure, reason):
    house = House()
    house.metadata.failure = failure
    id = deploy(house)
    house.work(2)
    waits_unsigned(house, id, reason)
    assert house.waits(id) == [reason]
    house.metadata.failure = None
    is_done(house, id)


def test_it_waits_for_the_operator_when_documents_are_published_elsewhere_now():
    house = House()
    id = deploy(house)
    house.metadata.host = "elsewhere.invalid"
    house.work(2)
    waits_unsigned(house, id, WaitReason.OPERATOR)
    assert house.metadata.documents == {}
    house.metadata.host = "memory.invalid"
    is_done(house, id)


@pytest.mark.parametrize("acts", range(1, 8))
def test_a_restored_backup_publishes_again_what_it_has_forgotten(acts):
    """The document's table comes out of the same backup as the rest."""
    house = House()
    id = deploy(house)
    (claim,) = house.claims()
    backup, documents = house.backup(), dict(house.metadata.documents)
    for _ in range(acts):
        house.advance().step(claim)
    house.work_until_done()
    made = house.tokens(id)
    house.restore(backup)
    house.metadata.documents = documents
    house.pass_time(timedelta(minutes=5))
    house.work(4)
    house.operator_looks()
    is_done(house, id)
    assert made <= 1


@examples(50)
@given(
    schedule=st.dictionaries(
        keys=st.integers(min_value=0, max_value=60), values=st.sampled_from(DEATHS), max_size=4
    )
)
def test_a_worker_that_dies_leaves_no_token_without_its_document(schedule):
    house = House()
    id = deploy(house)
    house.lives(Fate(schedule))
    is_done(house, id)
