"""What the trail keeps of persons: ciphertext under a key of their own, until it is destroyed.

An event that a person causes names them by id, and has in ``details`` a member ``personal``: whose
key it is (``of``), and each field's ciphertext in base64.  A field opens in its place only: the
organisation, the event and its own name are authenticated with it.  The leaf commits to the
ciphertext, so what is proven of an event stays proven after the key is gone.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from application.ports.cipher import KEY_BYTES, Cipher, NotOursError
from application.ports.clock import Clock
from application.ports.custody import KeyWrapping
from application.ports.identifiers import Identifiers
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store
from domain.audit import AuditEvent, JsonValue
from domain.identifiers import EventId, OrganisationId, Prefix, UserId, parse_id, public_id

MEMBER = "personal"


@frozen(kw_only=True)
class Person:
    """Who did something, for the trail; made outside of the transaction that says so."""

    user: UserId
    _fields: Mapping[str, str] = field(repr=False)
    #: None: it was destroyed, and nothing more is kept.
    _key: bytes | None = field(repr=False)
    _cipher: Cipher

    def sealed(self, organisation: OrganisationId, event: EventId) -> dict[str, JsonValue]:
        document: dict[str, JsonValue] = {"of": public_id(Prefix.USER, self.user)}
        if self._key is None:
            return document
        for name, text in self._fields.items():
            place = _place(organisation, event, name)
            document[name] = b64encode(self._cipher.seal(self._key, text.encode(), place)).decode()
        return document


@frozen(kw_only=True)
class KnowPeople:
    """Where a `Person` comes from.  Asks the key wrapping, so never within a transaction."""

    store: Store
    wrapping: KeyWrapping
    cipher: Cipher
    clock: Clock
    identifiers: Identifiers

    def __call__(self, user: UserId, source: str | None) -> Person:
        """*source*: the network they come from, where they come over one.

        Raises: CustodyUnavailableError: ask again.
        """
        with self.store.begin(Scope(user=user)) as work:
            known, row = work.users.get(), work.subject_keys.get(user)
        if row is None and known is not None:
            # Registered by a release that made no keys.
            row, _ = self._made(user)
            with self.store.begin(Scope(user=user)) as work:
                work.subject_keys.add(row)
                row = work.subject_keys.get(user)
        key = None
        if row is not None and row.wrapped is not None:
            key = self.wrapping.unwrap(row.wrapped, context_of(user))
        return self._person(user, None if known is None else known.email, source, key)

    def newcomer(self, user: UserId, email: str, source: str | None) -> tuple[Person, SubjectKey]:
        """Somebody who registers, and the key to be stored in the same transaction.

        Raises: CustodyUnavailableError: ask again.
        """
        row, key = self._made(user)
        return self._person(user, email, source, key), row

    def _made(self, user: UserId) -> tuple[SubjectKey, bytes]:
        key = self.identifiers.secret(KEY_BYTES)
        wrapped = self.wrapping.wrap(key, context_of(user))
        return SubjectKey(user=user, wrapped=wrapped, made_at=self.clock.now()), key

    def _person(
        self, user: UserId, email: str | None, source: str | None, key: bytes | None
    ) -> Person:
        fields = {"email": email, "source": source}
        known = {name: text for name, text in fields.items() if text is not None}
        return Person(user=user, fields=known, key=key, cipher=self.cipher)


@frozen(kw_only=True)
class Personal:
    """What an event says of a person, read with their key."""

    #: Public id.
    of: str
    #: By name; None: the key that they were kept under is gone.
    fields: Mapping[str, str] | None = field(repr=False)


@frozen(kw_only=True)
class ReadPersonal:
    """Read what events of an organisation keep of its members."""

    store: Store
    wrapping: KeyWrapping
    cipher: Cipher

    def __call__(
        self, organisation: OrganisationId, events: Iterable[AuditEvent]
    ) -> Mapping[EventId, Personal]:
        """By event, for those that keep something.

        Raises: CustodyUnavailableError: ask again.
        """
        kept = {event.id: found for event in events if (found := _kept(event)) is not None}
        users = {user for user, _ in kept.values()}
        with self.store.begin(Scope(organisation=organisation)) as work:
            rows = {user: work.subject_keys.get(user) for user in users}
        keys = {
            user: self.wrapping.unwrap(row.wrapped, context_of(user))
            for user, row in rows.items()
            if row is not None and row.wrapped is not None
        }
        return {
            event: Personal(
                of=public_id(Prefix.USER, user),
                fields=self._opened(keys.get(user), organisation, event, sealed),
            )
            for event, (user, sealed) in kept.items()
        }

    def _opened(
        self,
        key: bytes | None,
        organisation: OrganisationId,
        event: EventId,
        sealed: Mapping[str, str],
    ) -> Mapping[str, str] | None:
        if key is None:
            return None
        try:
            return {
                name: self.cipher.open(
                    key, b64decode(text), _place(organisation, event, name)
                ).decode()
                for name, text in sealed.items()
            }
        except NotOursError:
            # A backup without the keys was restored, and they have had another one since.  What
            # somebody has changed in an event its proof tells, not we.
            return None


def _kept(event: AuditEvent) -> tuple[UserId, Mapping[str, str]] | None:
    """Whose key it takes, and the ciphertexts; None: the event keeps nothing of anybody."""
    details = event.content()["details"]
    found = details.get(MEMBER) if isinstance(details, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    user = parse_id(Prefix.USER, str(found.get("of")))
    if user is None:
        return None
    sealed = {name: str(text) for name, text in found.items() if name != "of"}
    return UserId(user), sealed


def context_of(user: UserId) -> bytes:
    return b"subject.key\0" + user.bytes


def _place(organisation: OrganisationId, event: EventId, name: str) -> bytes:
    # Fixed widths first, the variable part last: nothing can shift between them.
    return b"tallystick.personal.v1\0" + organisation.bytes + event.bytes + name.encode()
