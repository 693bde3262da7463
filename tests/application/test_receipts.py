"""Every signature leaves a receipt in the trail."""

import hashlib
from typing import Any

from adapters.memory.custody import MemoryCustodian
from application.ports.custody import Signing
from domain.identifiers import KeyRef
from domain.operation import SignedTransaction
from domain.signing import Curve, Purpose, SigningReceipt, digest_of
from tests.application.house import House, State


class _Noting:
    """A custodian that notes what it was asked to sign, and has a log of its own."""

    def __init__(self, custodian: MemoryCustodian) -> None:
        self._custodian = custodian
        self.asked: list[tuple[str, bytes, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._custodian, name)

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        made = self._custodian.sign(key, message, purpose)
        self.asked.append((key, message, f"call-{len(self.asked) + 1}"))
        return Signing(signature=made.signature, key_version="7", request_id=self.asked[-1][2])


def _receipts(house: House, id: Any) -> list[dict[str, Any]]:
    return [
        receipt | {"attempt": event.content()["details"]["attempt"]["number"]}
        for event in house.events(id)
        for receipt in event.content()["details"].get("receipts", [])
    ]


def test_a_signature_is_found_in_the_trail_by_what_was_signed_and_by_the_providers_own_name():
    house = House()
    house.custodian = noting = _Noting(house.custodian)
    id = house.deploy().id
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    [(key, message, call)] = noting.asked
    [receipt] = _receipts(house, id)
    assert receipt == {
        "attempt": 1,
        "digest": message.hex(),
        "key": key,
        "key_version": "7",
        "purpose": "evm_transaction",
        "request_id": call,
        "signer": house.signer.address,
    }


def test_every_attempt_has_its_own():
    house = House(instant=False)
    house.custodian = noting = _Noting(house.custodian)
    id = house.deploy().id
    house.work(3)
    house.chain.node.pool.clear()
    house.pass_time(house.chain.network.replace_after)
    house.chain.gas_price *= 2
    for _ in range(12):
        house.work()
    attempts = house.get(id).step.attempts
    told = _receipts(house, id)
    assert len(attempts) > 1
    assert [each["attempt"] for each in told] == [attempt.number for attempt in attempts]
    assert [each["request_id"] for each in told] == [call for _, _, call in noting.asked]


def test_what_a_custodian_does_not_name_is_not_told():
    house = House()
    id = house.deploy().id
    house.work_until_done()
    assert "request_id" not in _receipts(house, id)[0]


def test_a_digest_stays_what_it_is_and_a_message_is_hashed():
    digest = bytes(range(32))
    assert digest_of(Curve.SECP256K1, digest) == digest
    assert digest_of(Curve.ED25519, b"TX a message") == hashlib.sha256(b"TX a message").digest()


def test_a_receipt_holds_no_signature():
    """Whoever reads the trail before the transaction is sent could send it."""
    assert not {"signature", "raw"} & set(SigningReceipt.__annotations__)
    assert "raw" in SignedTransaction.__annotations__
