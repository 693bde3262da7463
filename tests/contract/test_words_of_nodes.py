"""What a node says in its own words goes into rows, events and answers: fit for all of them."""

import unicodedata

import pytest

from domain.operation import Verdict

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
