from datetime import datetime

from attrs import define, evolve, field

from adapters.memory.storage.access import MemoryAccessEpoch
from adapters.memory.storage.transaction import Table, Transaction
from application.ports.storage.letters import Letter, Letters, LetterState
from application.ports.storage.work import Lock
from domain.errors import MisuseError
from domain.identifiers import LetterId, OrganisationId
from domain.letter import LetterKind


@define(eq=False)
class LetterTables:
    letters: Table[LetterId, Letter] = field(factory=lambda: Table("letters"))


@define(eq=False)
class MemoryLetters(Letters):
    _transaction: Transaction
    _tables: LetterTables
    _epoch: MemoryAccessEpoch

    def add(self, letter: Letter) -> None:
        self._transaction.require_organisation(letter.organisation)
        if not self._transaction.insert(self._tables.letters, letter.id, letter):
            raise MisuseError(f"there is a letter {letter.name} already")
        self._epoch.stamp(letter.id)

    def get(self, id: LetterId) -> Letter | None:
        letter = self._transaction.get(self._tables.letters, id)
        return self._told(letter) if letter and self._is_mine(letter) else None

    def lock(self, id: LetterId) -> Letter | None:
        self._transaction.enter(Lock.LETTER, id)
        if self.get(id) is None:
            return None
        self._transaction.hold(self._tables.letters, id)
        return self.get(id)

    def put(self, letter: Letter) -> None:
        if self.get(letter.id) is None:
            raise MisuseError(f"there is no letter {letter.name} in {self._transaction.scope}")
        self._transaction.update(self._tables.letters, letter.id, letter)

    def end_of_user(self, now: datetime) -> int:
        user = self._transaction.user
        if user is None:
            return 0
        found = [
            letter.id
            for _, letter in self._transaction.items(self._tables.letters)
            if letter.user == user and letter.used_at is None
        ]
        ended = 0
        for id in sorted(found):
            self._transaction.hold(self._tables.letters, id)
            letter = self.get(id)
            if letter is None or letter.used_at is not None:
                continue
            is_queued = letter.state is LetterState.QUEUED
            state = LetterState.GIVEN_UP if is_queued else letter.state
            self.put(evolve(letter, sealed=None, state=state, due_at=None, used_at=now))
            ended += 1
        return ended

    def usable(self, kind: LetterKind, now: datetime) -> list[Letter]:
        mine = (
            letter
            for _, letter in self._transaction.items(self._tables.letters)
            if letter.organisation == self._transaction.organisation
            and letter.kind is kind
            and self._told(letter).is_good(now)
        )
        return sorted(mine, key=lambda letter: (letter.written_at, letter.id))

    def due(self, now: datetime, limit: int) -> list[tuple[OrganisationId, LetterId]]:
        found = sorted(
            (letter.due_at, letter.organisation, letter.id)
            for _, letter in self._transaction.items(self._tables.letters)
            if letter.due_at is not None and letter.due_at <= now
        )
        return [(organisation, id) for _, organisation, id in found[:limit]]

    def purge(self, before: datetime) -> int:
        over = [
            id
            for id, letter in self._transaction.items(self._tables.letters)
            if letter.expires_at < before
        ]
        for id in sorted(over):
            self._transaction.delete(self._tables.letters, id)
        return len(over)

    def _told(self, letter: Letter) -> Letter:
        return evolve(letter, is_ended=self._epoch.is_over(letter.id))

    def _is_mine(self, letter: Letter) -> bool:
        organisation, user = self._transaction.organisation, self._transaction.user
        return letter.organisation == organisation or (user is not None and letter.user == user)
