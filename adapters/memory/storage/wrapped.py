from collections.abc import Iterator
from uuid import UUID

from attrs import define, evolve

from adapters.memory.storage.access import AccessTables
from adapters.memory.storage.accounts import AccountTables
from adapters.memory.storage.letters import LetterTables
from adapters.memory.storage.transaction import Transaction
from adapters.memory.storage.webhooks import WebhookTables
from application.ports.custody import Wrapped
from application.ports.storage.wrapped import Sort, WrappedPlace, WrappedSecrets
from domain.identifiers import EndpointId, LetterId, OrganisationId, UserId

_NOBODY = OrganisationId(UUID(int=0))


@define(eq=False)
class MemoryWrappedSecrets(WrappedSecrets):
    _transaction: Transaction
    _access: AccessTables
    _accounts: AccountTables
    _letters: LetterTables
    _webhooks: WebhookTables

    def by_others(
        self, current: str, after: WrappedPlace | None, limit: int
    ) -> list[WrappedPlace]:
        found = sorted(
            place
            for place, wrapped in self._all()
            if wrapped.wrapping != current and (after is None or place > after)
        )
        return found[:limit]

    def count_by_others(self, current: str) -> int:
        return sum(wrapped.wrapping != current for _, wrapped in self._all())

    def get(self, place: WrappedPlace) -> Wrapped | None:
        if not self._is_mine(place):
            return None
        return dict(self._all()).get(place)

    def replace(self, place: WrappedPlace, before: Wrapped, after: Wrapped) -> bool:
        if not self._is_mine(place):
            return False
        match place.sort:
            case Sort.SECRET:
                self._transaction.hold(self._accounts.secrets, (place.organisation, place.name))
            case Sort.ENDPOINT:
                key = (place.organisation, EndpointId(UUID(place.name.partition("/")[0])))
                self._transaction.hold(self._webhooks.secrets, key)
            case Sort.PERSON:
                self._transaction.hold(self._access.subject_keys, UserId(UUID(place.name)))
            case Sort.LETTER:
                self._transaction.hold(self._letters.letters, LetterId(UUID(place.name)))
        if self.get(place) != before:
            return False
        self._put(place, after)
        return True

    def _put(self, place: WrappedPlace, after: Wrapped) -> None:
        transaction, name = self._transaction, place.name
        match place.sort:
            case Sort.SECRET:
                transaction.update(self._accounts.secrets, (place.organisation, name), after)
            case Sort.ENDPOINT:
                endpoint, _, number = name.partition("/")
                key = (place.organisation, EndpointId(UUID(endpoint)))
                changed = tuple(
                    evolve(each, wrapping=after.wrapping, ciphertext=after.ciphertext)
                    if each.number == int(number)
                    else each
                    for each in transaction.get(self._webhooks.secrets, key) or ()
                )
                transaction.put(self._webhooks.secrets, key, changed)
            case Sort.PERSON:
                user = UserId(UUID(name))
                known = transaction.get(self._access.subject_keys, user)
                if known is not None:
                    changed_key = evolve(known, wrapped=after)
                    transaction.put(self._access.subject_keys, user, changed_key)
            case Sort.LETTER:
                id = LetterId(UUID(name))
                letter = transaction.get(self._letters.letters, id)
                if letter is not None:
                    transaction.put(self._letters.letters, id, evolve(letter, sealed=after))

    def _is_mine(self, place: WrappedPlace) -> bool:
        if place.sort is Sort.PERSON:
            return self._transaction.user == UUID(place.name)
        return self._transaction.organisation == place.organisation

    def _all(self) -> Iterator[tuple[WrappedPlace, Wrapped]]:
        for (organisation, name), wrapped in self._transaction.items(self._accounts.secrets):
            yield WrappedPlace(Sort.SECRET, organisation, name), wrapped
        for (organisation, endpoint), secrets in self._transaction.items(self._webhooks.secrets):
            for each in secrets:
                place = WrappedPlace(Sort.ENDPOINT, organisation, f"{endpoint}/{each.number}")
                yield place, Wrapped(wrapping=each.wrapping, ciphertext=each.ciphertext)
        for user, key in self._transaction.items(self._access.subject_keys):
            if key.wrapped is not None:
                yield WrappedPlace(Sort.PERSON, _NOBODY, str(user)), key.wrapped
        for id, letter in self._transaction.items(self._letters.letters):
            if letter.sealed is not None:
                yield WrappedPlace(Sort.LETTER, letter.organisation, str(id)), letter.sealed
