"""What every wrapping of secrets promises."""

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.ports.custody import CustodyRefusedError, KeyWrapping
from tests.strategies import examples

several = settings(
    max_examples=examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
secrets = st.binary(max_size=200)
contexts = st.binary(max_size=80)


@several
@given(secret=secrets, context=contexts)
def test_what_was_wrapped_is_unwrapped(key_wrapping: KeyWrapping, secret: bytes, context: bytes):
    assert key_wrapping.unwrap(key_wrapping.wrap(secret, context), context) == secret


@several
@given(secret=secrets, context=contexts, other=contexts)
def test_a_secret_opens_in_its_own_place_only(
    key_wrapping: KeyWrapping, secret: bytes, context: bytes, other: bytes
):
    if other == context:
        other += b"!"
    wrapped = key_wrapping.wrap(secret, context)
    with pytest.raises(CustodyRefusedError):
        key_wrapping.unwrap(wrapped, other)


@several
@given(secret=secrets, context=contexts, data=st.data())
def test_one_changed_bit_is_refused(
    key_wrapping: KeyWrapping, secret: bytes, context: bytes, data: st.DataObject
):
    wrapped = key_wrapping.wrap(secret, context)
    bit = data.draw(st.integers(0, 8 * len(wrapped.ciphertext) - 1))
    flipped = bytearray(wrapped.ciphertext)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CustodyRefusedError):
        key_wrapping.unwrap(evolve(wrapped, ciphertext=bytes(flipped)), context)
    with pytest.raises(CustodyRefusedError):
        key_wrapping.unwrap(evolve(wrapped, ciphertext=wrapped.ciphertext[: bit // 8]), context)


def test_another_wrapping_key_is_refused(key_wrapping: KeyWrapping):
    wrapped = key_wrapping.wrap(b"secret", b"")
    for name in ("", "nobody:master/1", wrapped.wrapping + "7", wrapped.wrapping + "\n"):
        with pytest.raises(CustodyRefusedError) as refused:
            key_wrapping.unwrap(evolve(wrapped, wrapping=name), b"")
        assert refused.value.code in {"unknown_key", "wrong_context"}


def test_wrapping_twice_does_not_show_that_it_was_the_same(key_wrapping: KeyWrapping):
    first, second = (key_wrapping.wrap(b"secret", b"place") for _ in range(2))
    assert first.ciphertext != second.ciphertext
    assert b"secret" not in first.ciphertext
    assert "secret" not in repr(first) + repr(key_wrapping)


def test_what_wraps_now_is_named_by_what_it_wraps(key_wrapping: KeyWrapping):
    current = key_wrapping.current()
    assert current
    assert key_wrapping.wrap(b"secret", b"place").wrapping == current


@pytest.mark.parametrize("length", [4_095, 4_096, 4_097, 9_000])
def test_a_secret_may_be_longer_than_a_key_service_takes(key_wrapping: KeyWrapping, length: int):
    secret = bytes(range(256)) * 36
    wrapped = key_wrapping.wrap(secret[:length], b"place")
    assert key_wrapping.unwrap(wrapped, b"place") == secret[:length]
