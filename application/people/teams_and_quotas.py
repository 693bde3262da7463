"""Teams and quotas are set, and a member passes on a part of their own quota."""

from collections.abc import Callable, Mapping
from uuid import UUID

from attrs import evolve, frozen

from application.access.caller import Caller
from application.credits.quotas import standings
from application.once import Answered, Once
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Store, Work
from domain.audit import JsonValue
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, MemberId, Prefix, TeamId
from domain.organisation import Permission
from domain.quota import Quota, QuotaShift, Standing, Subject, Team, Window

_NO_TEAM = Refusal(code="not_found", detail="there is no such team")
_NO_MEMBER = Refusal(
    code="member_not_found", detail="not all of them are members of your organisation"
)


@frozen(kw_only=True)
class ChangeTeams:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def create(
        self,
        caller: Caller,
        name: str,
        members: frozenset[MemberId],
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Team] | Refusal:
        """Make a team, once per *key*."""
        if refusal := caller.refusal(Permission.WRITE_CREDITS):
            return refusal
        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._create(work, caller, name, members),
            id_of=lambda team: team.id,
            again=lambda work, id: work.teams.get(TeamId(id)),
        )
        return once(caller.scope, key, fingerprint)

    def change(
        self, caller: Caller, id: TeamId, name: str | None, members: frozenset[MemberId] | None
    ) -> Team | Refusal:
        """What is None stays.  Who joins counts for it from now on, who leaves until now."""

        def changed(work: Work, team: Team) -> Team | Refusal:
            if members is not None and not work.teams.are_members(members):
                return _NO_MEMBER
            return evolve(
                team,
                name=team.name if name is None else name,
                members=team.members if members is None else members,
            )

        return self._put(caller, id, "team.changed", changed)

    def dissolve(self, caller: Caller, id: TeamId) -> Team | Refusal:
        """Its quotas bind nobody any more."""

        def dissolved(_work: Work, team: Team) -> Team:
            return evolve(team, dissolved_at=self.clock.now())

        return self._put(caller, id, "team.dissolved", dissolved)

    def _create(
        self, work: Work, caller: Caller, name: str, members: frozenset[MemberId]
    ) -> Team | Refusal:
        work.ledger.stand_in_line()
        if not work.teams.are_members(members):
            return _NO_MEMBER
        team = Team(
            organisation=caller.organisation,
            id=TeamId(self.identifiers.next()),
            name=name,
            members=members,
            created_at=self.clock.now(),
        )
        work.teams.add(team)
        self._tell(work, caller, "team.created", team)
        return team

    def _put(
        self,
        caller: Caller,
        id: TeamId,
        action: str,
        change: Callable[[Work, Team], Team | Refusal],
    ) -> Team | Refusal:
        if refusal := caller.refusal(Permission.WRITE_CREDITS):
            return refusal
        with self.store.begin(caller.scope) as work:
            # Holds are attributed to teams under the wallet's lock.
            work.ledger.stand_in_line()
            team = work.teams.get(id)
            if team is None or team.dissolved_at is not None:
                return _NO_TEAM
            after = change(work, team)
            if isinstance(after, Refusal) or after == team:
                return after
            work.teams.put(after)
            self._tell(work, caller, action, after)
        return after

    def _tell(self, work: Work, caller: Caller, action: str, team: Team) -> None:
        """Ids only: a team's name may be a person's."""
        members = sorted(Subject.member(member).name for member in team.members)
        subject = Subject.team(team.id).name
        trail = caller.trail(self.identifiers)
        trail.add(action, subject, self.clock.now(), details={"members": members})
        trail.write(work)


@frozen(kw_only=True)
class ChangeQuotas:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def set(
        self, caller: Caller, subject: Subject, window: Window, limit: int
    ) -> Standing | Refusal:
        """Limit what *subject* takes in every *window*, from the current one on.

        What was taken in it before counts; a limit below that refuses whatever comes.
        """
        if refusal := caller.refusal(Permission.WRITE_CREDITS) or _by_itself(caller, subject):
            return refusal
        with self.store.begin(caller.scope) as work:
            work.ledger.stand_in_line()
            now = self.clock.now()
            if not _is_there(work, subject):
                return Refusal(code="not_found", detail=f"there is no {subject.name}")
            quota = Quota(
                organisation=caller.organisation,
                subject=subject,
                window=window,
                limit=limit,
                set_at=now,
            )
            before = work.quotas.get(subject, window)
            if before is None or before.limit != limit:
                work.quotas.put(quota)
                details: dict[str, JsonValue] = {"limit": limit, "window": window.value}
                self._tell(work, caller, "quota.set", subject, details)
            (standing,) = standings(work, [work.quotas.get(subject, window) or quota], now)
        return standing

    def remove(self, caller: Caller, subject: Subject, window: Window) -> Refusal | None:
        if refusal := caller.refusal(Permission.WRITE_CREDITS) or _by_itself(caller, subject):
            return refusal
        with self.store.begin(caller.scope) as work:
            work.ledger.stand_in_line()
            if not work.quotas.remove(subject, window):
                return Refusal(code="not_found", detail="there is no such quota")
            details = {"window": window.value}
            self._tell(work, caller, "quota.removed", subject, details)
        return None

    def pass_on(
        self,
        caller: Caller,
        to: MemberId,
        window: Window,
        amount: int,
        key: IdempotencyKey,
        fingerprint: bytes,
    ) -> Answered[Standing] | Refusal:
        """Move *amount* of what is left of the caller's own quota to *to*, in this window only."""
        if refusal := caller.refusal(Permission.WRITE_CREDITS):
            return refusal
        giver = Subject.member(caller.member)

        def again(work: Work, _id: UUID) -> Standing | None:
            quota = work.quotas.get(giver, window)
            return standings(work, [quota], self.clock.now())[0] if quota else None

        once = Once(
            store=self.store,
            clock=self.clock,
            act=lambda work: self._pass_on(work, caller, to, window, amount),
            id_of=lambda _standing: self.identifiers.next(),
            again=again,
        )
        return once(caller.scope, key, fingerprint)

    def _pass_on(
        self, work: Work, caller: Caller, to: MemberId, window: Window, amount: int
    ) -> Standing | Refusal:
        giver, receiver = Subject.member(caller.member), Subject.member(to)
        if to == caller.member:
            return Refusal(code="gift_to_self", detail="a gift is for somebody else")
        if not work.teams.are_members([to]):
            return _NO_MEMBER
        work.ledger.stand_in_line()
        now = self.clock.now()
        mine, theirs = work.quotas.get(giver, window), work.quotas.get(receiver, window)
        if mine is None or theirs is None:
            whose = giver if mine is None else receiver
            detail = f"{whose.name} has no quota per {window}, so there is nothing to move"
            return Refusal(code="quota_not_set", detail=detail)
        (standing,) = standings(work, [mine], now)
        if amount > standing.left:
            detail = f"{standing.left} of your quota of this {window} are left"
            return Refusal(code="quota_exceeded", detail=detail)
        work.quotas.shift(
            QuotaShift(
                organisation=caller.organisation,
                id=self.identifiers.next(),
                giver=caller.member,
                receiver=to,
                window=window,
                since=standing.since,
                amount=amount,
                by=caller.name,
                at=now,
            )
        )
        details: dict[str, JsonValue] = {
            "amount": amount,
            "to": receiver.name,
            "window": window.value,
        }
        self._tell(work, caller, "quota.passed_on", giver, details)
        (after,) = standings(work, [mine], now)
        return after

    def _tell(
        self,
        work: Work,
        caller: Caller,
        action: str,
        subject: Subject,
        details: Mapping[str, JsonValue],
    ) -> None:
        trail = caller.trail(self.identifiers)
        trail.add(action, subject.name, self.clock.now(), details=details)
        trail.write(work)


def _by_itself(caller: Caller, subject: Subject) -> Refusal | None:
    """What a key may spend, a person says."""
    if subject.kind is not Prefix.API_KEY or caller.user is not None:
        return None
    return Refusal(code="session_required", detail="a key does not say what keys may spend")


def _is_there(work: Work, subject: Subject) -> bool:
    if subject.kind is Prefix.MEMBER:
        return work.teams.are_members([MemberId(subject.id)])
    if subject.kind is Prefix.API_KEY:
        return work.api_keys.get(ApiKeyId(subject.id)) is not None
    team = work.teams.get(TeamId(subject.id))
    return team is not None and team.dissolved_at is None
