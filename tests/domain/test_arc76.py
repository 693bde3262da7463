"""ARC-76 against the vectors of its implementations (npm arc76 1.0.2, NuGet
AlgorandARC76Account), and the mistakes that others make with it.
"""

import hashlib
import json
from pathlib import Path

import pytest
from algosdk import encoding, mnemonic
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_utils import keccak, to_checksum_address

from domain.arc76 import derive

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "arc76_vectors.jsonl").read_text("utf-8").splitlines()
]
OFFICIAL = VECTORS[1]
LONG = "1234567890" * 5


def address(seed: bytearray) -> str:
    public = Ed25519PrivateKey.from_private_bytes(bytes(seed)).public_key().public_bytes_raw()
    return str(encoding.encode_address(public))


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda vector: f"{vector['email']}-{vector['slot']}"
)
def test_a_vector_is_reproduced(vector):
    seed = derive(vector["email"], vector["password"], vector["slot"])
    assert seed.hex() == vector["seed_hex"]
    assert address(seed) == vector["algorand"]
    public = PrivateKey(bytes(seed)).public_key.format(compressed=False)[1:]
    assert to_checksum_address(keccak(public)[-20:]) == vector["evm"]


def test_there_are_all_of_them():
    assert len(VECTORS) == 9
    assert len({vector["seed_hex"] for vector in VECTORS}) == 9


def test_the_official_vector_has_its_words():
    words = (
        "wire clown snap consider hill cargo assume muscle shop toilet keep culture elder bread "
        "hub elder genius element when job soap head prize abandon borrow"
    )
    assert mnemonic._from_key(bytes.fromhex(OFFICIAL["seed_hex"])) == words


def test_the_slot_is_its_number_and_not_the_samples_text():
    """Whoever copies the specification's sample gets this address, and is wrong."""
    wrong = "JPPAZ267WSPL5GU6JU6YLO2F7R3Z5SIKBXZ5BO77TT6EX6KKW5R3ID32TQ"
    assert (
        address(derive(OFFICIAL["email"], OFFICIAL["password"])) == OFFICIAL["algorand"] != wrong
    )
    end = "-{slotId}-PBKDF2-999999"
    sample = hashlib.pbkdf2_hmac(
        "sha256",
        f"ARC-0076-{OFFICIAL['email']}-{OFFICIAL['password']}{end}".encode(),
        f"ARC-0076-{OFFICIAL['email']}{end}".encode(),
        999_999,
    )
    assert address(bytearray(sample)) == wrong


@pytest.mark.parametrize("short", ["", "short", "x" * 15, "€" * 15])
def test_a_short_passphrase_is_refused_and_not_told(short):
    with pytest.raises(ValueError, match="at least 16") as error:
        derive("email@example.com", short)
    assert not short or short not in str(error.value)


def test_characters_are_counted_as_the_reference_counts():
    """In units of UTF-16: eight of these are sixteen."""
    assert derive("", "\N{GRINNING FACE}" * 8)
    with pytest.raises(ValueError):
        derive("", "\N{GRINNING FACE}" * 7)


def test_a_negative_slot_is_refused():
    with pytest.raises(ValueError, match="slots"):
        derive("", LONG, -1)


def test_another_spelling_is_another_account():
    seeds = {
        bytes(derive(email, LONG))
        for email in ("e\N{COMBINING ACUTE ACCENT}@x", "\N{LATIN SMALL LETTER E WITH ACUTE}@x")
    }
    assert len(seeds) == 2


def test_pairs_that_join_to_one_text_are_kept_apart_by_the_salt():
    """Fields are joined by hyphens without lengths: only the salt tells these two apart."""
    ours = derive("a@b.c", "d-" + LONG)
    theirs = derive("a@b.c-d", LONG)
    assert ours != theirs
