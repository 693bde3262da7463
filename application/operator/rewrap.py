"""Wrap everything secret at rest anew, by the key that wraps now.

One secret after the other, each in a transaction of its own, which changes the wrap and nothing
else: what is read by anybody meanwhile is wrapped by the old key or by the new one, and both are
there.  Whoever dies leaves the rest to the next run, for what is done is known by its key's name.
"""

from collections.abc import Callable, Mapping
from uuid import UUID

from attrs import frozen

from application.audit.personal import context_of as context_of_person
from application.audit.trail import Trail
from application.custody.registered import context_of as context_of_entry
from application.mail.write import context_of as context_of_letter
from application.notifications.secrets import context_of as context_of_endpoint
from application.operator.installation_secret import context_of as context_of_installation
from application.ports.clock import Clock
from application.ports.custody import CustodyRefusedError, Envelopes, KeyWrapping, Wrapped
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from application.ports.storage.wrapped import Sort, WrappedPlace
from domain.audit import OPERATOR
from domain.identifiers import (
    INSTALLATION,
    EndpointId,
    KeyRef,
    LetterId,
    Prefix,
    UserId,
    public_id,
)

BATCH = 100


@frozen(kw_only=True)
class Progress:
    #: The key that wraps now.
    current: str
    #: Wrapped anew by this run.
    done: int
    #: Still wrapped by others.
    left: int
    #: Why some of those cannot be unwrapped: the secret's place, and the reason.
    problems: tuple[tuple[WrappedPlace, str], ...] = ()


@frozen(kw_only=True)
class Rewrap:
    store: Store
    wrapping: KeyWrapping
    #: By the scheme of the keys that are in them.
    envelopes: Mapping[str, Envelopes]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, told: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Do all that can be done, and tell how far it is after each batch.

        Raises:
            CustodyUnavailableError: a wrapping does not answer; what was done stays done.
            StoreUnavailableError: likewise.
        """
        current = self.wrapping.current()
        done, last = 0, None
        problems: list[tuple[WrappedPlace, str]] = []
        while places := self._by_others(current, last):
            for place in places:
                try:
                    done += self._one(place, current)
                except CustodyRefusedError as error:
                    problems.append((place, str(error)))
            last = places[-1]
            told(self._progress(current, done, problems))
        progress = self._progress(current, done, problems)
        if done:
            self._tell(progress)
        return progress

    def _one(self, place: WrappedPlace, current: str) -> bool:
        scope = _scope_of(place)
        with self.store.begin(scope) as work:
            known = work.wrapped.get(place)
        if known is None or known.wrapping == current:
            return False
        anew = self._anew(place, known)
        with self.store.begin(scope) as work:
            return work.wrapped.replace(place, known, anew)

    def _anew(self, place: WrappedPlace, known: Wrapped) -> Wrapped:
        scheme = place.name.partition(":")[0]
        if place.sort is Sort.SECRET and scheme in self.envelopes:
            return self.envelopes[scheme].rewrapped(_key_of(place), known, self.wrapping)
        context = _context_of(place)
        return self.wrapping.wrap(self.wrapping.unwrap(known, context), context)

    def _by_others(self, current: str, last: WrappedPlace | None) -> list[WrappedPlace]:
        with self.store.begin(Scope()) as work:
            return work.wrapped.by_others(current, last, BATCH)

    def _progress(
        self, current: str, done: int, problems: list[tuple[WrappedPlace, str]]
    ) -> Progress:
        with self.store.begin(Scope()) as work:
            left = work.wrapped.count_by_others(current)
        return Progress(current=current, done=done, left=left, problems=tuple(problems))

    def _tell(self, progress: Progress) -> None:
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        with self.store.begin(Scope.installation()) as work:
            trail.add(
                "secrets.rewrapped",
                progress.current,
                self.clock.now(),
                details={"done": progress.done, "left": progress.left},
            )
            trail.write(work)


def _scope_of(place: WrappedPlace) -> Scope:
    if place.sort is Sort.PERSON:
        return Scope(user=UserId(UUID(place.name)))
    return Scope(organisation=place.organisation)


def _key_of(place: WrappedPlace) -> KeyRef:
    """The reference of the key whose record it is."""
    scheme, _, name = place.name.partition(":")
    return KeyRef(f"{scheme}:{public_id(Prefix.ORGANISATION, place.organisation)}/{name}")


def _context_of(place: WrappedPlace) -> bytes:
    match place.sort:
        case Sort.SECRET if ":" in place.name:
            return context_of_entry(_key_of(place))
        case Sort.SECRET:
            return context_of_installation(place.name)
        case Sort.ENDPOINT:
            endpoint, _, number = place.name.partition("/")
            return context_of_endpoint(place.organisation, EndpointId(UUID(endpoint)), int(number))
        case Sort.PERSON:
            return context_of_person(UserId(UUID(place.name)))
        case Sort.LETTER:
            return context_of_letter(LetterId(UUID(place.name)))
