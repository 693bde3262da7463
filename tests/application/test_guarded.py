"""The guard: whatever a custodian does, no bytes and no signature get past it that should not."""

import hashlib
from contextlib import suppress
from uuid import uuid4

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from adapters import local_keys
from adapters.local_keys import LocalKeyWrapping, Verification
from adapters.memory.custody import MemoryCustodian
from adapters.memory.storage import MemoryStore
from application.custody.guarded import Guarded
from application.custody.registered import RegisteredCustodian
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    HeldKey,
    KeyHolder,
    Signing,
)
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, PublicKey, Purpose, Signature
from tests.contract.custody import INSTALLATION_ID, MASTER_KEYS, guarded, registered
from tests.contract.test_custodian import CHECKPOINT, PROGRAM, TX

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PURPOSE = {
    KeyUse.EVM_ACCOUNT: Purpose.EVM_TRANSACTION,
    KeyUse.ALGORAND_ACCOUNT: Purpose.ALGORAND_TRANSACTION,
    KeyUse.CHECKPOINT: Purpose.CHECKPOINT,
}
MESSAGE = {
    KeyUse.EVM_ACCOUNT: bytes(range(32)),
    KeyUse.ALGORAND_ACCOUNT: TX,
    KeyUse.CHECKPOINT: CHECKPOINT,
}
CURVE = {
    KeyUse.EVM_ACCOUNT: Curve.SECP256K1,
    KeyUse.ALGORAND_ACCOUNT: Curve.ED25519,
    KeyUse.CHECKPOINT: Curve.ED25519,
}


class Crooked(MemoryCustodian):
    """Signs well, and then does what it was told with the signature."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def signed(self, key, message):
        signing = super().signed(key, message)
        return evolve(signing, signature=self.spoil(signing.signature))


def a_key(custodian, use):
    return custodian.create_key(INSTALLATION, AccountId(uuid4()), CURVE[use], use).key


@pytest.mark.parametrize("use", list(KeyUse))
def test_a_custodian_that_signs_with_another_key_gives_nothing(use):
    liar = MemoryCustodian()
    custodian = guarded(liar)
    key = a_key(custodian, use)
    custodian.sign(key, MESSAGE[use], PURPOSE[use])
    liar.lies = True
    with pytest.raises(CustodyRefusedError) as refused:
        custodian.sign(key, MESSAGE[use], PURPOSE[use])
    assert refused.value.code == "wrong_signature"


@pytest.mark.parametrize("use", list(KeyUse))
def test_a_custodian_that_signs_something_else_gives_nothing(use):
    class Forger(MemoryCustodian):
        def signed(self, key, message):
            return super().signed(key, hashlib.sha256(message).digest())

    custodian = guarded(Forger())
    with pytest.raises(CustodyRefusedError) as refused:
        custodian.sign(a_key(custodian, use), MESSAGE[use], PURPOSE[use])
    assert refused.value.code == "wrong_signature"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: bytes(64),
        lambda raw: raw[:63] + bytes([raw[63] ^ 1]),
        lambda raw: raw[32:] + raw[:32],
        lambda raw: raw[:32] + bytes(32),
        lambda raw: raw[:32] + ORDER.to_bytes(32),
        lambda raw: b"\xff" * 64,
    ],
)
@pytest.mark.parametrize("use", list(KeyUse))
def test_a_spoilt_signature_does_not_leave(use, spoil):
    custodian = guarded(Crooked(lambda signature: evolve(signature, raw=spoil(signature.raw))))
    with pytest.raises(CustodyRefusedError) as refused:
        custodian.sign(a_key(custodian, use), MESSAGE[use], PURPOSE[use])
    assert refused.value.code == "wrong_signature"


def test_a_high_s_is_lowered():
    """As about half of those of key services are; chains take the low one only (EIP-2)."""
    seen = []

    def higher(signature):
        seen.append(signature)
        s = ORDER - int.from_bytes(signature.raw[32:])
        return evolve(signature, raw=signature.raw[:32] + s.to_bytes(32))

    custodian = guarded(Crooked(higher))
    key = a_key(custodian, KeyUse.EVM_ACCOUNT)
    signing = custodian.sign(key, bytes(range(32)), Purpose.EVM_TRANSACTION)
    assert signing.signature == seen[0]
    assert int.from_bytes(signing.signature.raw[32:]) <= ORDER // 2


@given(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1))
def test_lowering_changes_nothing_but_a_high_s(r, s):
    signature = Signature(Curve.SECP256K1, r.to_bytes(32) + s.to_bytes(32))
    low = signature.with_low_s
    assert low.raw[:32] == signature.raw[:32]
    assert int.from_bytes(low.raw[32:]) == min(s, ORDER - s)
    assert low.with_low_s == low
    edwards = evolve(signature, curve=Curve.ED25519)
    assert edwards.with_low_s == edwards


@given(
    use=st.sampled_from(list(KeyUse)),
    purpose=st.sampled_from(list(Purpose)),
    message=st.one_of(
        st.binary(max_size=80),
        st.sampled_from([TX, PROGRAM, CHECKPOINT, bytes(32)]),
        st.binary(max_size=60).map(lambda rest: b"TX" + rest),
    ),
)
def test_nothing_that_is_not_for_the_key_reaches_the_custodian(use, purpose, message):
    """Whatever one purpose lets pass, no other does; and what is refused was never asked for."""
    asked = MemoryCustodian()
    custodian = guarded(asked)
    key = a_key(custodian, use)
    try:
        custodian.sign(key, message, purpose)
    except CustodyRefusedError:
        assert asked.signatures == 0
        return
    assert asked.signatures == 1
    begins = {
        Purpose.EVM_TRANSACTION: len(message) == 32,
        Purpose.ALGORAND_TRANSACTION: message[:2] == b"TX",
        Purpose.ALGORAND_PROGRAM: message == PROGRAM,
        Purpose.CHECKPOINT: message == CHECKPOINT,
    }
    assert begins[purpose]
    assert (use, purpose) in {
        *PURPOSE.items(),
        (KeyUse.ALGORAND_ACCOUNT, Purpose.ALGORAND_PROGRAM),
    }


def test_a_key_that_is_disabled_is_not_asked_for_a_signature():
    class Unaware(MemoryCustodian):
        def describe(self, key):
            return evolve(super().describe(key), enabled=False)

    asked = Unaware()
    custodian = guarded(asked)
    with pytest.raises(CustodyRefusedError) as refused:
        custodian.sign(a_key(custodian, KeyUse.ALGORAND_ACCOUNT), TX, Purpose.ALGORAND_TRANSACTION)
    assert (refused.value.code, asked.signatures) == ("key_disabled", 0)


# The register.


@frozen
class Single(KeyHolder):
    """Has one key for everybody, and counts what becomes of it."""

    keys: list
    discarded: list
    disabled: list

    def capabilities(self):
        return Capabilities(curves=frozenset(Curve))

    def make(self, name, version, curve):
        return self.keys.pop(0)

    def take(self, name, version, curve, secret):
        raise AssertionError("not offered")

    def sign(self, key, message):
        return Signing(signature=Signature(key.public_key.curve, bytes(64)), key_version="1")

    def disable(self, key):
        self.disabled.append(key.handle)

    def discard(self, key):
        self.discarded.append(key.handle)

    def lacks(self):
        return ()


def held(handle):
    public_key = PublicKey(Curve.ED25519, handle.encode().ljust(32, b"."))
    return HeldKey(handle=handle, version="1", public_key=public_key)


def test_whoever_loses_the_race_for_a_key_throws_theirs_away():
    """Two workers make a key each; the first that is registered is the account's."""
    store, holder = MemoryStore(), Single([], [], [])
    account = AccountId(uuid4())
    arguments = (INSTALLATION, account, Curve.ED25519, KeyUse.ALGORAND_ACCOUNT)

    class Late(RegisteredCustodian):
        def _load(self, place):
            # Looked before the other had finished.
            return None if self.holder.keys else super()._load(place)

    late = Late(
        scheme="x",
        holder=holder,
        store=store,
        wrapping=LocalKeyWrapping(MASTER_KEYS),
        installation=INSTALLATION_ID,
    )
    holder.keys.extend([held("first")])
    first = late.create_key(*arguments)
    holder.keys.extend([held("second")])
    assert late.create_key(*arguments) == first
    assert holder.discarded == ["second"]
    holder.keys.extend([held("first")])  # found, not made: it is the account's own
    assert late.create_key(*arguments) == first
    assert holder.discarded == ["second"]


def test_what_the_register_says_cannot_be_moved_or_changed_in_the_database():
    store, holder = MemoryStore(), Single([held("a"), held("b")], [], [])
    custodian = registered("x", holder, store)
    ours, theirs = (
        custodian.create_key(
            INSTALLATION, AccountId(uuid4()), Curve.ED25519, KeyUse.ALGORAND_ACCOUNT
        )
        for _ in range(2)
    )
    names = ["x:" + key.key.partition("/")[2] for key in (ours, theirs)]
    with store.begin(Scope.installation()) as work:
        rows = [work.secrets.get(name) for name in names]
        assert b"algorand" not in rows[0].ciphertext
        work.secrets.replace(names[0], rows[1])
        work.secrets.replace(names[1], evolve(rows[1], ciphertext=rows[1].ciphertext[:-1] + b"!"))
    for key in (ours, theirs):
        with pytest.raises(CustodyRefusedError) as refused:
            custodian.describe(key.key)
        assert refused.value.code == "wrong_context"


def test_a_key_is_disabled_here_even_if_its_holder_cannot_be_told():
    class Deaf(Single):
        def disable(self, key):
            raise CustodyUnavailableError("no")

    custodian = guarded(registered("x", Deaf([held("a")], [], [])))
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    with pytest.raises(CustodyUnavailableError):
        custodian.disable(key)
    with pytest.raises(CustodyRefusedError) as refused:
        custodian.sign(key, TX, Purpose.ALGORAND_TRANSACTION)
    assert refused.value.code == "key_disabled"


def test_disabling_tells_the_holder_again_until_it_was_told():
    holder = Single([held("a")], [], [])
    custodian = guarded(registered("x", holder))
    key = a_key(custodian, KeyUse.ALGORAND_ACCOUNT)
    for _ in range(2):
        custodian.disable(key)
    assert holder.disabled == ["a", "a"]


def test_a_register_that_does_not_answer_is_unavailable():
    class Silent(MemoryStore):
        def begin(self, scope):
            raise StoreUnavailableError("no")

    custodian = guarded(registered("x", Single([held("a")], [], []), Silent()))
    with pytest.raises(CustodyUnavailableError):
        a_key(custodian, KeyUse.ALGORAND_ACCOUNT)


def test_names_at_the_holder_tell_installations_apart():
    """Two installations may share one key service; each has the reserved organisation."""
    names = []

    class Named(Single):
        def make(self, name, version, curve):
            names.append((name, version))
            return held("a")

    account = AccountId(uuid4())
    for installation in (INSTALLATION_ID, uuid4()):
        custodian = evolve(registered("x", Named([], [], [])), installation=installation)
        custodian.create_key(INSTALLATION, account, Curve.ED25519, KeyUse.CHECKPOINT)
    assert len(set(names)) == 2
    assert all(version == 1 and name.endswith("/checkpoint") for name, version in names)


def test_the_guard_verifies_with_what_it_was_given():
    asked = []

    class Noted(Verification):
        def __call__(self, key, message, signature):
            asked.append(message)
            return super().__call__(key, message, signature)

    custodian = Guarded(
        custodian=MemoryCustodian(), verifies=Noted(), installation=INSTALLATION_ID
    )
    custodian.sign(a_key(custodian, KeyUse.ALGORAND_ACCOUNT), TX, Purpose.ALGORAND_TRANSACTION)
    assert asked == [TX]


def test_the_register_is_read_once_for_a_signature():
    class Counting(MemoryStore):
        begun = 0

        def begin(self, scope):
            Counting.begun += 1
            return super().begin(scope)

    for made in (
        guarded(registered("x", Single([held("a")], [], []), Counting())),
        guarded(local_keys.connect(Counting(), MASTER_KEYS)),
    ):
        key = a_key(made, KeyUse.ALGORAND_ACCOUNT)
        Counting.begun = 0
        with suppress(CustodyRefusedError):
            made.sign(key, TX, Purpose.ALGORAND_TRANSACTION)
        assert Counting.begun == 1
