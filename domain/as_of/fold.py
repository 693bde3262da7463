"""One organisation's trail, walked from its first event to the last that counts."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import define, evolve, field

from domain.as_of.credits import CreditBook, instant
from domain.as_of.state import Licence, Membership, State
from domain.as_of.tokens import TokenBook

#: Of a number that was given to nothing.
_VOIDED = "number.voided"
#: Where somebody else's hand moves the tariff.
_TARIFF = frozenset({"organisation.created", "operator.set_tariff", "billing.tariff_changed"})


@define
class AsOf:
    """Feed it every body in order; memory: what there is at one time, whatever the length."""

    #: What comes after it did not count.
    instant: datetime
    #: The last event that was taken in.
    sequence: int = 0
    _event: str | None = None
    _event_at: datetime | None = None
    _organisation: str | None = None
    _tariff: str | None = None
    _members: dict[str, Membership] = field(factory=dict)
    _licence: Licence = field(factory=Licence)
    _credits: CreditBook = field(factory=CreditBook)
    _tokens: TokenBook = field(factory=TokenBook)
    _gaps: list[str] = field(factory=list)

    def feed(self, body: Mapping[str, Any]) -> bool:
        """Take an event in; False where it, and so all behind it, is later than the instant.

        Clocks of two machines differ, numbers do not: what was so is what a beginning of the
        trail says, and that ends before the first event that is too late.
        """
        at = datetime.fromisoformat(body["at"])
        is_voided = body["action"] == _VOIDED
        if at > self.instant and not is_voided:
            return False
        sequence = body["sequence"]
        if sequence != self.sequence + 1:
            self._gaps.append(f"events {self.sequence + 1} to {sequence - 1} are not there")
        if is_voided:
            # Said later than what is behind it, of what nobody knows any more.
            self._gaps.append(f"event {sequence} is not there: its number was voided")
        self.sequence, self._event, self._event_at = sequence, body["id"], at
        self._organisation = body["organisation"]
        self._follow(body["action"], body["subject"], at, body["details"])
        return True

    def state(self) -> State:
        return State(
            organisation=self._organisation,
            sequence=self.sequence,
            event=self._event,
            event_at=self._event_at,
            tariff=self._tariff,
            members=tuple(self._members.values()),
            licence=self._licence,
            credits=self._credits.credits,
            tokens=self._tokens.tokens(),
            lacks=tuple(self._lacks()),
        )

    def _follow(self, action: str, subject: str, at: datetime, details: Mapping[str, Any]) -> None:
        if "journal_sequence" in details:
            self._credits.feed(self.sequence, details)
        elif action in _TARIFF:
            self._tariff = details["tariff"]
        elif action == "member.added":
            self._members[subject] = Membership(
                id=subject, user=details["user"], role=details["role"], since=at
            )
        elif action == "member.role_changed":
            known = self._members.get(subject)
            if known is not None:
                self._members[subject] = evolve(known, role=details["role"])
        elif action == "member.removed":
            self._members.pop(subject, None)
        elif action == "licence.changed":
            self._licence = Licence(
                state=details["state"],
                since=instant(details["since"]),
                until=instant(details["until"]),
            )
        else:
            self._tokens.feed(action, subject, at, details)

    def _lacks(self) -> Iterator[str]:
        yield from self._gaps
        if self._credits.silent_since is not None:
            yield (
                f"the credits of each grant: event {self._credits.silent_since} does not say "
                "which ones it moved"
            )
        for token in self._tokens.tokens():
            if token.supply is None:
                yield f"the supply of {token.id}: its deployment does not say how much it issued"
