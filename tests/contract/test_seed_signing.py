"""Keys that are held as seeds: what every adapter promises."""

SEED, OTHER = bytes(range(32)), bytes(range(1, 33))


def test_a_seed_has_one_public_key(seed_signing):
    assert seed_signing.public_key(SEED) == seed_signing.public_key(SEED)
    assert seed_signing.public_key(SEED) != seed_signing.public_key(OTHER)
    assert len(seed_signing.public_key(SEED)) == 32
    assert seed_signing.public_key(SEED) != SEED


def test_a_signature_is_of_one_message_by_one_seed(seed_signing):
    signature = seed_signing.sign(SEED, b"message")
    assert len(signature) == 64
    assert signature == seed_signing.sign(SEED, b"message")
    assert signature != seed_signing.sign(SEED, b"another")
    assert signature != seed_signing.sign(OTHER, b"message")
