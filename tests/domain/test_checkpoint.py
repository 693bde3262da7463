"""Checkpoints and notes, byte by byte as C2SP writes them."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from domain.checkpoint import Checkpoint, MalformedError, Note, base64_bytes, key_id
from domain.errors import MisuseError
from domain.signing import Curve, PublicKey, Signature

#: From the documentation of Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
    "pRZb6KE6RyyBwJnAM=\n"
)
ORIGIN = "example.com/audit/ins_00000000000000000000000001/1"


def peter() -> tuple[str, bytes, PublicKey]:
    name, id, key = PETER.split("+", 2)
    decoded = b64decode(key)
    assert decoded[:1] == b"\x01"
    return name, bytes.fromhex(id), PublicKey(Curve.ED25519, decoded[1:])


def checkpoint() -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=20852163, root=bytes(range(32)))


def test_a_note_of_another_implementation_is_read() -> None:
    name, id, key = peter()
    note = Note.parse(NOTE)
    assert key_id(name, key) == id
    signature = note.of(name, key)
    assert signature is not None
    Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.raw, note.text.encode())
    assert str(note) == NOTE


def test_a_checkpoint_is_three_lines() -> None:
    root = b64encode(bytes(range(32))).decode()
    assert checkpoint().text == f"{ORIGIN}\n20852163\n{root}\n"
    assert Checkpoint.parse(checkpoint().text) == checkpoint()


def test_what_was_signed_is_found_again() -> None:
    secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = PublicKey(Curve.ED25519, secret.public_key().public_bytes_raw())
    text = checkpoint().text
    signature = Signature(Curve.ED25519, secret.sign(text.encode()))
    written = str(Note.signed(text, ORIGIN, key, signature))
    assert Note.parse(written).of(ORIGIN, key) == signature
    assert Note.parse(written).of("example.com/other", key) is None
    other = PublicKey(Curve.ED25519, bytes(32))
    assert Note.parse(written).of(ORIGIN, other) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n01\n{b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n-1\n{b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()}",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()}\nmore\n",
        f"two words\n1\n{b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n1\n{b64encode(bytes(32)).decode()[:-2]}F=\n",
        f"{ORIGIN}\n{2**63}\n{b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT ONE}\n{b64encode(bytes(32)).decode()}\n",
    ],
)
def test_another_form_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "text\n",
        "text\n\n",
        NOTE[:-1],
        NOTE.replace("— ", "- "),
        NOTE.replace("=\n", "\n"),
        NOTE.replace("PeterNeumann x", "Peter+Neumann x"),
        NOTE + "\n",
        NOTE.replace("think", "th\x07ink"),
        "text\n\n" + "— a AAAAAAA=\n" * 17,
        "text\n\n— a AAAAAA==\n",
    ],
)
def test_another_form_is_no_note(written: str) -> None:
    with pytest.raises(MalformedError):
        Note.parse(written)


@given(st.binary(max_size=40))
def test_base64_has_one_spelling(raw: bytes) -> None:
    text = b64encode(raw).decode()
    assert base64_bytes(text) == raw
    for other in (text.rstrip("="), text + "=", text + "\n", " " + text):
        assert other == text or base64_bytes(other) is None


def test_only_notes_are_signed() -> None:
    key = PublicKey(Curve.ED25519, bytes(32))
    signature = Signature(Curve.ED25519, bytes(64))
    with pytest.raises(MisuseError):
        Note.signed("no end of line", ORIGIN, key, signature)
    with pytest.raises(MisuseError):
        Checkpoint(origin="two words", size=1, root=bytes(32))
