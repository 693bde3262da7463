"""What the application asks of whoever holds the private keys.

Bytes in, signature out.  A custodian knows no chain; what it is asked to sign was built by a chain
adapter.  Bad news comes in two kinds: refused (final) and unavailable (nothing is known).
"""

from collections.abc import Sequence
from typing import Protocol

from attrs import field, frozen

from domain.identifiers import AccountId, KeyRef, OrganisationId
from domain.signing import Curve, KeyUse, PublicKey, Purpose, Signature


class CustodyRefusedError(Exception):
    """The custodian will not: unknown or disabled key, foreign curve, purpose outside its use.

    ``code`` is one of ``unknown_key, key_disabled, key_exists, curve_not_offered,
    import_not_offered, wrong_purpose, message_too_long, wrong_length, denied, wrong_context,
    wrong_signature``.  Of ``denied`` the text names the permission that is missing.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class CustodyUnavailableError(Exception):
    """No answer.  Whether anything happened is unknown; asking again is safe."""


@frozen(kw_only=True)
class KeyDescription:
    key: KeyRef
    public_key: PublicKey
    use: KeyUse
    enabled: bool


@frozen(kw_only=True)
class Signing:
    """A signature and what its receipt needs."""

    signature: Signature
    #: Version of the key that signed, as the custodian counts.
    key_version: str
    #: The provider's own name for the call, to be found in its log; None where it has none.
    request_id: str | None = None


@frozen(kw_only=True)
class Capabilities:
    curves: frozenset[Curve]
    #: Longest message in bytes, where there is a limit below 64 KiB.
    max_message_bytes: int | None = None
    #: Of which curves secrets made elsewhere are taken in.
    imports: frozenset[Curve] = frozenset()


class Verifies(Protocol):
    """Whether a signature is one; needs no secret, and asks no custodian."""

    def __call__(self, key: PublicKey, message: bytes, signature: Signature) -> bool: ...


class Custodian(Protocol):
    """Holds private keys and signs with them.  They never leave it."""

    def capabilities(self) -> Capabilities:
        """What kind of keys this custodian offers.  Asks nobody."""
        ...

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        """The account's key; asking twice gives the same one.

        Raises:
            CustodyRefusedError: a curve that is not offered.
            CustodyUnavailableError: ask again.
        """
        ...

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        """The account's key, made of 32 bytes; asking twice with the same ones gives one key.

        Whoever asks overwrites *secret* afterwards.

        Raises:
            CustodyRefusedError: ``import_not_offered``; ``key_exists``: it is another one.
            CustodyUnavailableError: ask again.
        """
        ...

    def describe(self, key: KeyRef) -> KeyDescription:
        """Raises: CustodyRefusedError, CustodyUnavailableError."""
        ...

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        """Sign *message* as it is: a 32-byte digest for secp256k1, all of it for ed25519.

        The signature verifies under the key's published public key, and S is low.

        Raises:
            CustodyRefusedError: see its codes.
            CustodyUnavailableError: ask again; a signature nobody saw harms nobody.
        """
        ...

    def rotate(self, key: KeyRef) -> KeyDescription:
        """The version after *key*, for the same use; asking twice gives the same one.

        *key* goes on to sign until it is disabled: moving an account to the new one is a
        transaction on its chain.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        ...

    def disable(self, key: KeyRef) -> None:
        """From now on the key signs nothing.  Raises: CustodyRefusedError for an unknown key."""
        ...

    def lacks(self) -> Sequence[str]:
        """What this process would need to make keys and sign with them, and has not.

        Each is a sentence that names the permission.  It is found out by trying, on keys that are
        kept for this.

        Raises: CustodyUnavailableError.
        """
        ...


class FoundKey(Protocol):
    """A key that was looked up, for one signature: nothing is read again to make it."""

    @property
    def description(self) -> KeyDescription: ...

    def sign(self, message: bytes) -> Signing:
        """Raises: CustodyRefusedError, CustodyUnavailableError."""
        ...


class KeyCustodian(Custodian, Protocol):
    """A custodian as its guard knows it."""

    def find(self, key: KeyRef) -> FoundKey:
        """Raises: CustodyRefusedError for an unknown key; CustodyUnavailableError."""
        ...


@frozen(kw_only=True)
class HeldKey:
    """One version of a key, as whoever holds it knows it."""

    #: The holder's own name for exactly this version: an ARN, an object's id.
    handle: str = field(repr=False)
    #: As the holder counts; it is in receipts.
    version: str
    public_key: PublicKey


class KeyHolder(Protocol):
    """Where private keys are: a token, a key service.

    It knows keys by name, not what they are for.  `RegisteredCustodian` makes a custodian of it,
    which remembers handles, public keys and uses; nothing else calls it.
    """

    def capabilities(self) -> Capabilities:
        """Asks nobody."""
        ...

    def make(self, name: str, version: int, curve: Curve) -> HeldKey:
        """The key of that name and version: found, or else made.

        Two who ask at once may be given two; one is `discard`ed.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        ...

    def take(self, name: str, version: int, curve: Curve, secret: bytearray) -> HeldKey:
        """Hold a secret made elsewhere.  Asked only for curves in `Capabilities.imports`.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        ...

    def sign(self, key: HeldKey, message: bytes) -> Signing:
        """S may be high: whoever asked lowers it.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        ...

    def disable(self, key: HeldKey) -> None:
        """Also here, if keys can be; else nothing.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        ...

    def discard(self, key: HeldKey) -> None:
        """It lost a race, and was never used.  Raises: as above."""
        ...

    def lacks(self) -> Sequence[str]:
        """See `Custodian.lacks`."""
        ...


@frozen(kw_only=True)
class Wrapped:
    """A secret that only its wrapping can read."""

    #: Names the wrapping key and its version: ``local-keys:master/1``.
    wrapping: str
    ciphertext: bytes = field(repr=False)


class KeyWrapping(Protocol):
    """Protects everything secret at rest.

    *context* binds a secret to its place (organisation, purpose, id): unwrapping under another
    context is refused, so rows cannot be swapped.
    """

    def current(self) -> str:
        """The name of the key that wraps now.  Raises: as `wrap`."""
        ...

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        """Raises: CustodyUnavailableError."""
        ...

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Raises: CustodyRefusedError: other key or other context.  CustodyUnavailableError."""
        ...


class Envelopes(Protocol):
    """Records of keys that are wrapped in their own form."""

    def rewrapped(self, key: KeyRef, record: Wrapped, wrapping: KeyWrapping) -> Wrapped:
        """The *record* of *key*, wrapped anew.  Raises: as `KeyWrapping`."""
        ...
