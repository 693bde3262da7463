"""Members: invited by mail, accepted by whoever reads it, given another role, removed.

An organisation always has an owner.  What decides that is read under one lock of all memberships,
so that two owners who leave at once cannot both be the last but one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import evolve, field, frozen

from application.access.caller import Caller
from application.access.mail_limits import count_letter
from application.access.register import canonical_email
from application.access.verify import WRONG_TOKEN, FindLetter, spent
from application.audit.personal import KnowPeople
from application.audit.trail import Trail
from application.mail.write import ReadLetter, WriteLetter, put_in_the_post
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.access import keys_made_by
from application.ports.storage.letters import Letter
from application.ports.storage.work import Scope, Store, Work
from domain.audit import Actor
from domain.errors import FieldFault, Refusal
from domain.identifiers import LetterId, MemberId, Prefix, UserId, public_id
from domain.letter import LetterKind, is_plain_address
from domain.organisation import Member, Permission, Role, User, last_owner_refusal

_NO_MEMBER = Refusal(code="not_found", detail="there is no such member")
_NO_INVITATION = Refusal(code="not_found", detail="there is no such invitation")


@frozen(kw_only=True)
class Invitation:
    letter: Letter
    #: None: it is forgotten.
    email: str | None = field(repr=False)
    role: Role | None

    @classmethod
    def of(cls, letter: Letter, contents: Mapping[str, str] | None) -> "Invitation":
        known = contents or {}
        role = known.get("role")
        return cls(letter=letter, email=known.get("to"), role=Role(role) if role else None)


@frozen(kw_only=True)
class Invite:
    store: Store
    clock: Clock
    identifiers: Identifiers
    write: WriteLetter
    read: ReadLetter
    has_mail: bool

    def __call__(self, caller: Caller, address: str, role: Role) -> Invitation | Refusal:
        """Says nothing of whether anybody is registered with *address*."""
        if refusal := _must_be_a_session(caller) or caller.refusal(Permission.WRITE_MEMBERS):
            return refusal
        if not self.has_mail:
            return Refusal(
                code="mail_not_configured", detail="this installation has nothing to send mail by"
            )
        email = canonical_email(address)
        if not is_plain_address(email):
            fault = FieldFault("/email", "invalid_email", "no mail can be sent to this address")
            return Refusal(
                code="validation_failed", detail="nobody can be invited there", faults=(fault,)
            )
        with self.store.begin(caller.scope) as work:
            organisation = work.organisations.get()
        letter = self.write(
            LetterKind.INVITATION,
            email,
            user=None,
            organisation=caller.organisation,
            contents={
                "organisation": organisation.name if organisation else "",
                "role": role.value,
            },
        )
        with self.store.begin(caller.scope) as work:
            allowed = count_letter(work, self.clock, email, caller.source)
            if isinstance(allowed, Refusal):
                return allowed
            if not allowed.to_address:
                return Refusal(
                    code="rate_limited", detail="this address has had its letters of this hour"
                )
            put_in_the_post(work, letter)
            trail = caller.trail(self.identifiers)
            trail.add(
                "member.invited",
                letter.name,
                self.clock.now(),
                details={"role": role.value},
            )
            trail.write(work)
        return Invitation(letter=letter, email=email, role=role)

    def open(self, caller: Caller) -> Sequence[Invitation] | Refusal:
        """Those that may be accepted, oldest first."""
        if refusal := caller.refusal(Permission.WRITE_MEMBERS):
            return refusal
        with self.store.begin(caller.scope) as work:
            found = work.letters.usable(LetterKind.INVITATION, self.clock.now())
        return [Invitation.of(letter, self.read(letter)) for letter in found]

    def withdraw(self, caller: Caller, id: LetterId) -> Refusal | None:
        if refusal := _must_be_a_session(caller) or caller.refusal(Permission.WRITE_MEMBERS):
            return refusal
        with self.store.begin(caller.scope) as work:
            letter = work.letters.lock(id)
            is_one = letter is not None and (letter.organisation, letter.kind) == (
                caller.organisation,
                LetterKind.INVITATION,
            )
            if letter is None or not is_one:
                return _NO_INVITATION
            now = self.clock.now()
            if letter.is_good(now):
                work.letters.put(spent(letter, now))
                trail = caller.trail(self.identifiers)
                trail.add("member.invitation_withdrawn", letter.name, now)
                trail.write(work)
        return None


@frozen(kw_only=True)
class AcceptInvitation:
    store: Store
    clock: Clock
    identifiers: Identifiers
    people: KnowPeople
    find: FindLetter
    read: ReadLetter

    def __call__(self, caller: Caller, token: str) -> Member | Refusal:
        """By whoever is logged in with the address that it was sent to."""
        if caller.user is None:
            return Refusal(code="session_required", detail="an API key cannot be a member")
        letter = self.find(token, LetterKind.INVITATION)
        contents = None if letter is None else self.read(letter)
        if letter is None or contents is None:
            return WRONG_TOKEN
        with self.store.begin(Scope(user=caller.user)) as work:
            user = work.users.get()
        if user is None or user.email != contents["to"]:
            return Refusal(
                code="invitation_for_another", detail="it was sent to another address than yours"
            )
        person = self.people(user.id, caller.source)
        scope = Scope(organisation=letter.organisation, user=user.id)
        with self.store.begin(scope) as work:
            found = work.letters.lock(letter.id)
            now = self.clock.now()
            if found is None or not found.is_good(now):
                return WRONG_TOKEN
            member = self._joined(work, letter, user.id, Role(contents["role"]), now)
            if isinstance(member, Refusal):
                return member
            work.letters.put(spent(found, now))
            # The letter has reached them.
            work.users.verify(now)
            name = public_id(Prefix.MEMBER, member.id)
            trail = Trail(
                identifiers=self.identifiers,
                organisation=letter.organisation,
                actor=Actor("member", name),
                request_id=caller.request_id,
            )
            details = {
                "role": member.role.value,
                "user": public_id(Prefix.USER, user.id),
                "invitation": letter.name,
            }
            trail.add("member.added", name, now, details=details, person=person)
            trail.write(work)
        return member

    def _joined(
        self, work: Work, letter: Letter, user: UserId, role: Role, now: datetime
    ) -> Member | Refusal:
        known = {each.user: each for each in work.members.lock()}.get(user)
        if known is None:
            member = Member(
                organisation=letter.organisation,
                id=MemberId(self.identifiers.next()),
                user=user,
                role=role,
                created_at=now,
            )
            work.members.add(member)
            return member
        if known.removed_at is None:
            return Refusal(code="member_already", detail="you are a member of this organisation")
        again = evolve(known, role=role, removed_at=None)
        work.members.put(again)
        return again


@frozen(kw_only=True)
class ListMembers:
    store: Store

    def __call__(self, caller: Caller) -> list[Member]:
        """All of them, oldest first."""
        with self.store.begin(caller.scope) as work:
            return work.members.all()

    def user_of(self, member: Member) -> User | None:
        """Who it is.  An organisation does not see its members' rows: each is read in their own
        name, in a transaction of its own.
        """
        with self.store.begin(Scope(user=member.user)) as work:
            return work.users.get()


@frozen(kw_only=True)
class ChangeMember:
    """Another role, or out."""

    store: Store
    clock: Clock
    identifiers: Identifiers

    def role(self, caller: Caller, id: MemberId, role: Role) -> Member | Refusal:
        if refusal := _must_be_a_session(caller) or caller.refusal(Permission.WRITE_MEMBERS):
            return refusal
        with self.store.begin(caller.scope) as work:
            members = work.members.lock()
            member = _of(members, id)
            if member is None:
                return _NO_MEMBER
            if member.role is role:
                return member
            after = evolve(member, role=role)
            if refusal := last_owner_refusal(members, after):
                return refusal
            work.members.put(after)
            trail = caller.trail(self.identifiers)
            trail.add(
                "member.role_changed",
                public_id(Prefix.MEMBER, id),
                self.clock.now(),
                details={"role": role.value, "before": member.role.value},
            )
            trail.write(work)
        return after

    def remove(self, caller: Caller, id: MemberId) -> Refusal | None:
        """By an owner; or oneself.  Sessions for this organisation end, and API keys."""
        leaves = id == caller.member
        if refusal := _must_be_a_session(caller):
            return refusal
        if not leaves and (refusal := caller.refusal(Permission.WRITE_MEMBERS)):
            return refusal
        with self.store.begin(caller.scope) as work:
            known = _of(work.members.all(), id)
        if known is None:
            return _NO_MEMBER
        # In the name of whoever goes, too: their sessions are theirs.
        with self.store.begin(Scope(organisation=caller.organisation, user=known.user)) as work:
            members = work.members.lock()
            member = _of(members, id)
            if member is None:
                return _NO_MEMBER
            now = self.clock.now()
            after = evolve(member, removed_at=now)
            if refusal := last_owner_refusal(members, after):
                return refusal
            self._end_sessions(work, caller, now)
            work.members.put(after)
            trail = caller.trail(self.identifiers)
            name = public_id(Prefix.MEMBER, id)
            trail.add("member.removed", name, now, details={"role": member.role.value})
            self._revoke_keys(work, trail, member, now)
            trail.write(work)
        return None

    def _end_sessions(self, work: Work, caller: Caller, now: datetime) -> None:
        alive = [each.id for each in work.sessions.all(now)]
        for id in sorted(alive):
            session = work.sessions.lock(id)
            is_here = session is not None and session.organisation == caller.organisation
            if session is not None and is_here and session.revoked_at is None:
                work.sessions.put(evolve(session, revoked_at=now, successor=None))

    def _revoke_keys(self, work: Work, trail: Trail, member: Member, now: datetime) -> None:
        for key in keys_made_by(work.api_keys, member.id):
            if key.revoked_at is None:
                work.api_keys.put(evolve(key, revoked_at=now))
                name = public_id(Prefix.API_KEY, key.id)
                cause = public_id(Prefix.MEMBER, member.id)
                trail.add("api_key.revoked", name, now, live=key.live, correlation=cause)


def _must_be_a_session(caller: Caller) -> Refusal | None:
    if caller.user is not None:
        return None
    return Refusal(code="session_required", detail="members are people's business, not a key's")


def _of(members: Sequence[Member], id: MemberId) -> Member | None:
    """Where it is one now."""
    return next((each for each in members if each.id == id and each.removed_at is None), None)
