"""Names of things; vectors from the TypeID specification."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid1, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import Prefix, instant_of, parse_id, public_id

#: typeid/spec, valid.yml and the README's example: letters, UUID.
VECTORS = [
    ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
    ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
    ("00000000000000000000000010", "00000000-0000-0000-0000-000000000020"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("01h2xcejqtf2nbrexx3vqjhp41", "0188bac7-4afa-78aa-bc3b-bd1eef28d881"),
]

#: typeid/spec, invalid.yml, as suffixes.
INVALID = [
    "",
    "1234567890123456789012345",  # too short
    "123456789012345678901234567",  # too long
    "1234567890123456789012345 ",
    "0123456789ABCDEFGHJKMNPQRS",  # upper case
    "123456789-123456789-123456",
    "ooooooiiiiiiuuuuuuulllllll",  # letters Crockford left out
    "i23456789ol23456789oi23456",
    "8zzzzzzzzzzzzzzzzzzzzzzzzz",  # more than 128 bits
    "\u0660" * 26,  # digits, and not ours
]


@pytest.mark.parametrize(("letters", "uuid"), VECTORS)
def test_vectors_of_the_specification(letters: str, uuid: str):
    assert public_id(Prefix.DEPLOYMENT, UUID(uuid)) == f"dep_{letters}"
    assert parse_id(Prefix.DEPLOYMENT, f"dep_{letters}") == UUID(uuid)


@pytest.mark.parametrize("letters", INVALID)
def test_what_the_specification_calls_invalid_is_no_id(letters: str):
    assert parse_id(Prefix.DEPLOYMENT, f"dep_{letters}") is None


@given(id=st.uuids(), prefix=st.sampled_from(Prefix))
def test_an_id_has_one_public_name_per_prefix(id: UUID, prefix: Prefix):
    text = public_id(prefix, id)
    assert parse_id(prefix, text) == id
    assert all(parse_id(other, text) is None for other in Prefix if other is not prefix)


@given(st.text())
def test_any_text_is_an_id_or_none(text: str):
    id = parse_id(Prefix.USER, text)
    assert id is None or public_id(Prefix.USER, id) == text


@given(st.lists(st.uuids(), min_size=2))
def test_public_names_sort_like_their_ids(ids: list[UUID]):
    names = [public_id(Prefix.EVENT, id) for id in sorted(ids)]
    assert names == sorted(names)


def test_only_a_uuid_of_version_7_carries_an_instant():
    # RFC 9562, A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
    assert instant_of(UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")) == datetime(
        2022, 2, 22, 19, 22, 22, tzinfo=UTC
    )
    assert instant_of(uuid4()) is None
    assert instant_of(uuid1()) is None
    assert instant_of(UUID(int=0)) is None
    last = UUID(int=(2**48 - 1) << 80 | 7 << 76 | 2 << 62)
    assert instant_of(last) is None


@given(st.integers(0, 2**40), st.integers(0, 2**64))
def test_the_instant_is_in_whole_milliseconds(milliseconds: int, rest: int):
    id = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | rest & (2**62 - 1))
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert instant_of(id) == expected
