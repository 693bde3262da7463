"""What every keeper of passwords promises."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from application.ports.passwords import Passwords

PASSWORDS = ["correct horse battery staple", "", "päß wörd", "日本", "x" * 1024, "\ud800"]


@pytest.mark.parametrize("password", PASSWORDS, ids=ascii)
def test_only_the_password_itself_fits_its_hash(passwords: Passwords, password: str):
    hash = passwords.hash(password)
    assert passwords.verify(hash, password)
    assert not passwords.verify(hash, password + " ")
    assert not passwords.verify(hash, "Correct horse battery staple")


def test_nobody_has_no_password(passwords: Passwords):
    assert not passwords.verify(None, "")
    assert not passwords.verify(None, "correct horse battery staple")


def test_a_hash_does_not_hold_its_password(passwords: Passwords):
    assert "correct" not in passwords.hash("correct horse")


def test_many_may_log_in_at_once(passwords: Passwords):
    hash = passwords.hash("secret")
    with ThreadPoolExecutor(6) as callers:
        answers = list(
            callers.map(lambda word: passwords.verify(hash, word), ["secret", "no"] * 3)
        )
    assert answers == [True, False] * 3
