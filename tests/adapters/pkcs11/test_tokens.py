"""What only tokens have: labels, PINs, attributes, and being pulled out."""

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pkcs11
import pytest
from attrs import evolve
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.util.ec import encode_named_curve_parameters

from adapters.memory.storage import MemoryStore
from adapters.pkcs11 import TokenAddress, connect
from adapters.pkcs11 import token as lines
from adapters.pkcs11.holder import _PRIVATE
from adapters.pkcs11.module import Module, module_at
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError, HeldKey
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse, Purpose
from tests.contract.custody import guarded, registered
from tests.contract.test_custodian import TX, refused
from tests.softhsm import PIN, a_holder, a_token, softhsm_or_skip

BOTH = [Curve.SECP256K1, Curve.ED25519]


@pytest.fixture
def address() -> str:
    return a_token()


@pytest.fixture
def look(address):
    """What *question* sees in a session of its own, with eyes of the library's."""

    def looking(question):
        where = TokenAddress.read(address)
        found = pkcs11.lib(where.module).get_token(token_label=where.label)
        with module_at(where.module).lock:
            try:
                session = found.open(rw=True, user_pin=PIN)
            except pkcs11.UserAlreadyLoggedIn:
                session = found.open(rw=True)
            try:
                return question(session)
            finally:
                session.close()

    return looking


def message_for(curve: Curve) -> bytes:
    return bytes(range(32)) if curve is Curve.SECP256K1 else TX


@pytest.mark.parametrize("curve", BOTH)
def test_a_private_key_cannot_leave_the_token(address, look, curve):
    a_holder(address).make("ours", 1, curve)

    def question(session):
        (private,) = session.get_objects({Attribute.LABEL: "ours/1", Attribute.PRIVATE: True})
        with pytest.raises(pkcs11.AttributeSensitive):
            private[Attribute.VALUE]
        wanted = ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "TOKEN", "SIGN")
        return [private[Attribute[name]] for name in wanted], private[Attribute.EXTRACTABLE]

    assert look(question) == ([True] * 6, False)


@pytest.mark.parametrize("curve", BOTH)
def test_a_signature_has_a_name_that_the_log_has_with_the_key(address, caplog, curve):
    holder = a_holder(address)
    key = holder.make("ours", 1, curve)
    with caplog.at_level("INFO", "adapters.pkcs11"):
        names = [holder.sign(key, bytes(32)).request_id for _ in range(2)]
    assert len(set(names)) == 2
    told = [record.getMessage() for record in caplog.records]
    assert all(any(name in line and key.handle in line for line in told) for name in names)


@pytest.mark.parametrize("curve", BOTH)
def test_a_key_is_found_by_its_label(address, curve):
    first = a_holder(address).make("ours", 1, curve)
    assert a_holder(address).make("ours", 1, curve) == first
    assert a_holder(address).make("ours", 2, curve).public_key != first.public_key
    assert a_holder(address).make("others", 1, curve).public_key != first.public_key


def test_of_two_keys_of_one_label_both_processes_take_the_same(address, look):
    """Two that found none made one each; one of them is destroyed when it loses."""
    holder = a_holder(address)
    one = holder.make("ours", 1, Curve.ED25519)

    def question(session):
        parameters = session.create_domain_parameters(
            KeyType.EC_EDWARDS,
            {Attribute.EC_PARAMS: bytes.fromhex("06032b6570")},
            local=True,
        )
        parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            id=bytes(16),
            label="ours/1",
            private_template=_PRIVATE,
        )

    look(question)
    other = holder.make("ours", 1, Curve.ED25519)
    assert other.handle == "00" * 16
    custodian = registered("pkcs11", holder)
    holder.discard(other)
    assert holder.make("ours", 1, Curve.ED25519) == one
    with refused("unknown_key"):
        holder.sign(other, TX)
    assert custodian.capabilities().curves == set(BOTH)


@pytest.mark.parametrize("weakness", [{Attribute.EXTRACTABLE: True}, {Attribute.SENSITIVE: False}])
def test_a_key_that_could_leave_is_not_taken(address, look, weakness):
    def question(session):
        parameters = session.create_domain_parameters(
            KeyType.EC,
            {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256k1")},
            local=True,
        )
        parameters.generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN,
            store=True,
            id=b"weak",
            label="weak/1",
            private_template=_PRIVATE | weakness,
        )

    holder = a_holder(address)
    assert not holder.lacks()  # from here on the module knows the token
    look(question)
    with refused("wrong_context"):
        holder.make("weak", 1, Curve.SECP256K1)


def test_a_key_of_another_curve_is_not_taken(address):
    holder = a_holder(address)
    holder.make("ours", 1, Curve.ED25519)
    with refused("curve_not_offered"):
        holder.make("ours", 1, Curve.SECP256K1)


def test_a_key_that_is_disabled_in_the_token_signs_nothing(address):
    """Somebody who gets round our register meets the token."""
    holder = a_holder(address)
    for curve in BOTH:
        key = holder.make("ours" + curve.value, 1, curve)
        holder.sign(key, message_for(curve))
        holder.disable(key)
        holder.disable(key)
        with refused("key_disabled"):
            holder.sign(key, message_for(curve))


def test_a_key_that_was_destroyed_is_unknown(address):
    holder = a_holder(address)
    key = holder.make("ours", 1, Curve.ED25519)
    holder.discard(key)
    holder.discard(key)
    with refused("unknown_key"):
        holder.sign(key, TX)


def test_a_wrong_pin_is_tried_once_and_never_told(address, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    tried, look_up = [], Module.token

    def counted(module, label):
        tried.append(label)
        return look_up(module, label)

    monkeypatch.setattr(Module, "token", counted)
    holder = a_holder(address, pin="90210-secret")
    for _ in range(5):
        with pytest.raises(CustodyRefusedError) as error:
            holder.make("ours", 1, Curve.ED25519)
        assert error.value.code == "denied"
        assert "pin" in str(error.value)
        assert "90210" not in f"{error.value} {error.value.__cause__!r} {holder!r} {caplog.text}"
    assert len(tried) == 1  # tokens count refusals, and lock themselves
    assert any("PIN" in lack for lack in holder.lacks())
    assert a_holder(address).make("ours", 1, Curve.ED25519)


def test_without_a_pin_the_token_is_not_asked(address):
    holder = a_holder(address, pin="")
    for _ in range(5):
        with refused("denied"):
            holder.make("ours", 1, Curve.ED25519)
    assert holder.capabilities().curves == set(BOTH)
    assert a_holder(address).make("ours", 1, Curve.ED25519)


def test_a_token_that_is_not_there_is_asked_for_again(address):
    holder = a_holder(address.replace("token=", "token=no-"))
    with pytest.raises(CustodyUnavailableError, match="has no token no-"):
        holder.make("ours", 1, Curve.ED25519)


def test_a_module_that_is_not_there_is_named(tmp_path):
    holder = connect(f"token=x?module-path={tmp_path}/nothing.so", {"pin": PIN})
    with pytest.raises(CustodyUnavailableError, match=r"nothing\.so cannot be loaded"):
        holder.make("ours", 1, Curve.ED25519)


# A search of the library's that has lost its session says so once more when it is forgotten.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_token_that_was_taken_out_and_put_back_is_logged_into_again(address):
    holder = a_holder(address)
    key = holder.make("ours", 1, Curve.ED25519)
    for _ in range(2):
        holder._token._open.session.close()
        assert holder.sign(key, TX).signature


def test_a_module_that_started_anew_is_logged_into_again(address):
    holder, other = a_holder(address), a_holder(address)
    key = holder.make("ours", 1, Curve.ED25519)
    other.make("ours", 1, Curve.ED25519)
    for _ in range(2):
        # Added behind the module's back: it sees the token when it starts anew.
        later = a_holder()
        later.make("theirs", 1, Curve.ED25519)
        assert holder.sign(key, TX).signature == other.sign(key, TX).signature


def test_a_token_that_is_gone_is_unavailable():
    softhsm = softhsm_or_skip()
    address = a_token()
    holder = a_holder(address)
    key = holder.make("ours", 1, Curve.ED25519)
    where = TokenAddress.read(address)
    softhsm.remove_token(where.label)
    a_holder().make("theirs", 1, Curve.ED25519)  # the module starts anew
    with pytest.raises(CustodyUnavailableError):
        holder.sign(key, TX)


@pytest.mark.parametrize("curve", BOTH)
def test_many_threads_sign_with_one_token(address, curve):
    """Without one lock for all of them SoftHSM crashes, or mixes operations up."""
    custodian = guarded(registered("pkcs11", a_holder(address), MemoryStore()))
    use, purpose = (
        (KeyUse.EVM_ACCOUNT, Purpose.EVM_TRANSACTION)
        if curve is Curve.SECP256K1
        else (KeyUse.ALGORAND_ACCOUNT, Purpose.ALGORAND_TRANSACTION)
    )
    key = custodian.create_key(INSTALLATION, AccountId(uuid4()), curve, use)
    others = [a_holder(address), a_holder()]
    at_once = threading.Barrier(8)

    def sign(number: int) -> None:
        at_once.wait()
        for _ in range(20):
            custodian.sign(key.key, message_for(curve), purpose)  # which verifies
            others[number % 2].make(f"mine-{number % 3}", 1, curve)

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(sign, range(8)))


def test_what_the_process_lacks_is_said(address, monkeypatch):
    holder = a_holder(address)
    assert not holder.lacks()
    offered = holder._token.mechanisms() - {Mechanism.EDDSA}
    monkeypatch.setattr(lines.Token, "mechanisms", lambda _: offered)
    assert holder.lacks() == ["mechanism EDDSA for ed25519"]


def test_a_handle_of_elsewhere_finds_nothing(address):
    holder = a_holder(address)
    key = holder.make("ours", 1, Curve.SECP256K1)
    with refused("unknown_key"):
        holder.sign(evolve(key, handle="ff"), bytes(32))
    assert isinstance(key, HeldKey)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "must be"),
        ("token=x", "must be"),
        ("?module-path=/lib/x.so", "must be"),
        ("token=x?module-path=x.so", "whole path"),
        ("token=x;object=y?module-path=/lib/x.so", "not object"),
        ("token=x?module-path=/lib/x.so&pin-value=1234", "not pin-value"),
    ],
)
def test_a_wrong_address_is_explained(text, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        TokenAddress.read(text)
    assert "1234" not in str(error.value)


def test_an_address_may_have_blanks():
    read = TokenAddress.read("token=our%20token?module-path=/lib/x%20y.so")
    assert read == TokenAddress("our token", "/lib/x y.so")


def test_the_module_is_loaded_when_it_is_needed():
    program = (
        "import sys; from adapters.pkcs11 import connect;"
        "h = connect('token=x?module-path=/nowhere/x.so', {'pin': ''}); h.capabilities()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
