"""What is watched does what it did: every method, its arguments, its answer and its bad news."""

import inspect
from uuid import uuid4

import pytest

from adapters.memory.custody import MemoryCustodian
from adapters.memory.telemetry import MemoryTelemetry
from adapters.telemetry.watched import WatchedCustodian, WatchedNode
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.custody import Custodian, CustodyRefusedError, CustodyUnavailableError
from domain.identifiers import INSTALLATION, AccountId
from domain.signing import Curve, KeyUse

#: Of the port's own words: "Asks nobody."
SILENT = {
    Chain: {"kinds", "token", "stored_token", "document_of", "address", "order", "steps",
            "groundwork", "predicted", "assemble", "planned",
            "allowance", "longest_message", "handing_over"},
    Custodian: {"capabilities"},
}  # fmt: skip


class Network:
    id = "eip155:1"


class Echo:
    """Answers with what it was asked, or fails as told."""

    network = Network

    def __init__(self):
        self.failure = None
        self.asked = []

    def __getattr__(self, name):
        def call(*arguments, **named):
            if self.failure is not None:
                raise self.failure
            self.asked.append((name, [*arguments, *named.values()]))
            return self.asked[-1]

        return call


def methods_of(port):
    return [
        name
        for name, member in vars(port).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]


def watched(port, echo, telemetry):
    if port is Chain:
        return WatchedNode(echo, "node.example", telemetry)
    return WatchedCustodian(echo, "vault", telemetry)


CALLS = [(port, name) for port in (Chain, Custodian) for name in methods_of(port)]


@pytest.mark.parametrize(("port", "name"), CALLS, ids=lambda each: getattr(each, "__name__", each))
def test_a_call_goes_through_and_is_a_span(port, name):
    telemetry, echo = MemoryTelemetry(), Echo()
    subject = watched(port, echo, telemetry)
    wanted = list(inspect.signature(getattr(port, name)).parameters)[1:]
    arguments = [object() for _ in wanted]
    answered = getattr(subject, name)(*arguments)
    assert echo.asked == [(name, arguments)]
    assert answered is (None if name == "disable" else echo.asked[0])
    if name in SILENT[port]:
        assert telemetry.spans == []
        return
    (span,) = telemetry.spans
    assert span.is_over
    assert span.facts["call"] == name
    assert span.failure is None


@pytest.mark.parametrize(
    ("port", "name", "error", "failure"),
    [
        (Chain, "head", ChainUnavailableError("down, with a key in it"), "unavailable"),
        (Chain, "block_at", HistoryUnavailableError("pruned"), "history"),
        (Chain, "head", WrongChainError("another"), "wrong_chain"),
        (Chain, "head", ValueError("a mistake"), "ValueError"),
        (Custodian, "lacks", CustodyUnavailableError("down"), "unavailable"),
        (Custodian, "describe", CustodyRefusedError("key_disabled", "it is"), "key_disabled"),
    ],
)
def test_bad_news_goes_through_and_is_counted_by_its_kind(port, name, error, failure):
    telemetry, echo = MemoryTelemetry(), Echo()
    echo.failure = error
    arguments = [None] * (len(inspect.signature(getattr(port, name)).parameters) - 1)
    with pytest.raises(type(error)) as raised:
        getattr(watched(port, echo, telemetry), name)(*arguments)
    assert raised.value is error
    assert [span.failure for span in telemetry.spans] == [failure]


def test_a_key_that_was_found_signs_in_a_span_of_its_own():
    telemetry = MemoryTelemetry()
    custodian = MemoryCustodian()
    made = custodian.create_key(
        INSTALLATION, AccountId(uuid4()), Curve.ED25519, KeyUse.ALGORAND_ACCOUNT
    )
    found = WatchedCustodian(custodian, "memory", telemetry).find(made.key)
    assert found.description == made
    assert found.sign(b"TX").key_version == "1"
    assert [span.facts["call"] for span in telemetry.spans] == ["find", "sign"]
