"""Passwords by Argon2id."""

from adapters.argon2.passwords import Argon2Passwords

__all__ = ["Argon2Passwords"]
