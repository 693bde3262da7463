"""ARC-76: an account's secret from an e-mail address, a passphrase and a slot.

::

    "ARC-0076-" email "-" passphrase "-" slot "-PBKDF2-999999"    the password of PBKDF2
    "ARC-0076-" email             "-" slot "-PBKDF2-999999"    the salt
    PBKDF2-HMAC-SHA256, 999,999 rounds                           32 bytes

Without an address its hyphen is left out too.  The 32 bytes are an Ed25519 seed, and a secp256k1
secret as well: one leak loses both.  Whoever knows an address can try passphrases at leisure, and
nothing can be revoked; so no password that logs in is ever one, and a custodian keeps what is made
(docs/custody.md).

Text is taken as it is: another case, a space or another Unicode form is another account.
"""

import hashlib

#: In units of UTF-16, as the reference implementation counts (npm arc76 1.0.2).
LEAST_PASSPHRASE = 16
_ROUNDS = 999_999
_SECRET_BYTES = 32


def derive(email: str, passphrase: str, slot: int = 0) -> bytearray:
    """The secret; whoever asks overwrites it after use.  Takes a third of a second.

    Raises:
        ValueError: the passphrase is too short, the slot is negative, or a text is none.
    """
    if len(passphrase.encode("utf-16-le")) // 2 < LEAST_PASSPHRASE:
        raise ValueError(f"the passphrase must be at least {LEAST_PASSPHRASE} characters long")
    if slot < 0:
        raise ValueError("slots count from 0")
    who = f"-{email}" if email else ""
    # The specification's sample has "{slotId}" here, literally; its own vector has the number.
    end = f"-{slot}-PBKDF2-{_ROUNDS}"
    password = f"ARC-0076{who}-{passphrase}{end}".encode()
    salt = f"ARC-0076{who}{end}".encode()
    return bytearray(hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, _SECRET_BYTES))
