"""What every cipher promises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.cipher import KEY_BYTES, Cipher, NotOursError
from tests.strategies import examples

several = settings(
    max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
keys = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
plains = st.binary(max_size=200)
places = st.binary(max_size=80)


@several
@given(key=keys, plain=plains, place=places)
def test_what_was_sealed_opens(cipher: Cipher, key: bytes, plain: bytes, place: bytes):
    assert cipher.open(key, cipher.seal(key, plain, place), place) == plain


@several
@given(key=keys, plain=plains, place=places, other=keys, elsewhere=places)
def test_it_opens_with_its_key_and_in_its_place_only(
    cipher: Cipher, key: bytes, plain: bytes, place: bytes, other: bytes, elsewhere: bytes
):
    sealed = cipher.seal(key, plain, place)
    for wrong_key, wrong_place in ((other, place), (key, elsewhere)):
        if (wrong_key, wrong_place) != (key, place):
            with pytest.raises(NotOursError):
                cipher.open(wrong_key, sealed, wrong_place)


@several
@given(key=keys, plain=plains, place=places, data=st.data())
def test_one_changed_bit_is_refused(
    cipher: Cipher, key: bytes, plain: bytes, place: bytes, data: st.DataObject
):
    sealed = bytearray(cipher.seal(key, plain, place))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotOursError):
        cipher.open(key, bytes(sealed), place)


def test_the_same_is_never_sealed_alike(cipher: Cipher):
    key = bytes(KEY_BYTES)
    assert len({cipher.seal(key, b"ada", b"here") for _ in range(100)}) == 100


@pytest.mark.parametrize("text", [b"", b"short"])
def test_what_is_no_ciphertext_does_not_open(cipher: Cipher, text: bytes):
    with pytest.raises(NotOursError):
        cipher.open(bytes(KEY_BYTES), text, b"here")
