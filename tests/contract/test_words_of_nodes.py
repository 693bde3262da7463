"""What a node says in its own words goes into rows, events and answers: fit for all of them."""

import unicodedata

import pytest

from adapters.memory.alarms import MemoryAlarms
from adapters.memory.clock import MemoryClock
from adapters.system.identifiers import SystemIdentifiers
from application.deployments.halt import LONGEST_REASON, Halt
from application.ports.storage.work import Scope
from domain.operation import Hint, Submission, Verdict
from tests.contract.tenants import a_signer, a_tenant

LONGEST = 500
KEY = "0123456789abcdef0123456789abcdef"


def test_words_are_kept_as_they_are_said(gruff_node):
    assert gruff_node("fee 1 below threshold 2: café").detail == "fee 1 below threshold 2: café"


@pytest.mark.parametrize(
    "odd",
    ["\0", "\x1b[31m", "\r\n", "\x7f", "\x85", "\u202e", "\u2028", "\ud800", "\u200b"],
    ids=ascii,
)
def test_what_nobody_sees_is_not_kept(gruff_node, odd):
    detail = gruff_node(f"no{odd}thing").detail
    assert (detail[:2], detail[-5:]) == ("no", "thing")
    detail.encode()
    assert not [each for each in detail if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl"}]


def test_what_nobody_sees_makes_no_other_words(gruff_node):
    """A refusal for good is only taken from who has said it."""
    for words in ("malformed\n:", "execution\nreverted", "execution \0reverted"):
        assert gruff_node(words).verdict is Verdict.UNKNOWN


def test_words_have_an_end(gruff_node):
    assert len(gruff_node("x" * 100_000).detail) == LONGEST


@pytest.mark.parametrize(
    "place", [f"/v3/{KEY}", f"/?apikey={KEY}", f"/{KEY}/rpc?a=b&c=d", f"/rpc?network=main&k={KEY}"]
)
@pytest.mark.parametrize("around", ["{}", "POST /v3/{} HTTP/1.1", "x" * (LONGEST - 8) + "{}"])
def test_the_secrets_of_its_url_are_not_said(gruff_node, place, around):
    detail = gruff_node(around.format(KEY), place).detail
    assert KEY[:8] not in detail


def test_the_token_is_not_said(gruff_node):
    assert KEY not in gruff_node(f"the token {KEY} is over", token=KEY).detail


def test_what_is_common_is_no_secret(gruff_node):
    assert gruff_node("rpc of main is over", "/rpc?network=main").detail == "rpc of main is over"


WORDINGS = [
    "execution reverted: no", "malformed: no", "already known", "transaction already in ledger",
    "nonce too low", "using an overlapping lease", "insufficient funds", "overspend (",
]  # fmt: skip


@pytest.mark.parametrize("place", ["/execution/malformed/rpc", "/funds?of=transaction&low=nonce"])
def test_words_mean_the_same_whatever_is_hidden_of_them(gruff_node, place):
    """A URL may have words of the table in it: they are hidden, and judged all the same."""
    parts = place.replace("?", "/").replace("&", "/").strip("/").split("/")
    wordings = [*WORDINGS, *(f"{word} {each}" for word in parts for each in WORDINGS)]
    known = 0
    for words in wordings:
        there, here = gruff_node(words, place), gruff_node(words)
        assert (there.verdict, there.hint) == (here.verdict, here.hint), words
        known += (here.verdict, here.hint) != (Verdict.UNKNOWN, Hint.NONE)
    assert known >= 4


def test_what_is_judged_is_not_kept(gruff_node):
    """A wording that is a secret, too: its meaning stays, and it does not."""
    key = "nonce too low, using an overlapping lease"
    assert gruff_node(f"no: {key}", token=key) == Submission(
        Verdict.UNKNOWN, "no: …", Hint.SLOT_TAKEN
    )


@pytest.fixture
def halt(store):
    clock = MemoryClock()
    return Halt(
        store=store, alarms=MemoryAlarms(), clock=clock, identifiers=SystemIdentifiers(clock)
    )


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("bad\0\ud800\x1b[31m", "bad………[31m"),
        ("x" * 10**6, "x" * LONGEST_REASON),
    ],
    ids=["invisible", "long"],
)
def test_no_halt_fails_for_its_reason(store, halt, reason, kept):
    tenant, signer = a_tenant(store), "0xtreasury"
    with store.begin(Scope.installation()) as work:
        work.signers.add(a_signer(tenant))
    halt.network(tenant.network, "wrong_chain", reason)
    halt.signer(tenant.network, signer, reason)
    with store.begin(Scope.installation()) as work:
        assert work.networks.status(tenant.network).halted == kept
        assert work.signers.get(tenant.network, signer).halted == kept
    assert [detail for _, _, detail in halt.alarms.sounded] == [kept, kept]
