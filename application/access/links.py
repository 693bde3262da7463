"""What makes an identity somebody's, and what ends it; the trail is told of both."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from application.audit.personal import Person
from application.audit.trail import Trail
from application.mail.write import WriteLetter, put_in_the_post
from application.ports.identifiers import Identifiers
from application.ports.identity_provider import Identified
from application.ports.storage.letters import Letter
from application.ports.storage.work import Work
from domain.identifiers import IdentityId, Prefix, UserId, public_id
from domain.letter import LetterKind
from domain.organisation import Member, User
from domain.sign_in import Identity, hash_subject


def identity_of(
    identifiers: Identifiers, user: UserId, who: Identified, now: datetime
) -> Identity:
    return Identity(
        user=user,
        id=IdentityId(identifiers.next()),
        issuer=who.issuer,
        subject_hash=hash_subject(who.issuer, who.subject),
        linked_at=now,
    )


@frozen(kw_only=True)
class Link:
    """An identity that is about to be somebody's, and the letter that tells them."""

    user: User
    identity: Identity
    notice: Letter

    def store(self, work: Work, trail: Trail, person: Person, now: datetime, *, by: str) -> bool:
        """False, and nothing is written: the address is not verified, the identity is somebody's,
        or the user has one of that provider.
        """
        if work.users.verified_at() is None or not work.identities.add(
            evolve(self.identity, linked_at=now)
        ):
            return False
        put_in_the_post(work, self.notice)
        say_linked(trail, self.identity, person, now, by=by)
        return True


def link(
    write: WriteLetter, identifiers: Identifiers, user: User, member: Member, who: Identified
) -> Link:
    """Raises: CustodyUnavailableError: ask again."""
    notice = write(
        LetterKind.IDENTITY_LINKED,
        user.email,
        user=user.id,
        organisation=member.organisation,
        carries_token=False,
        contents={"issuer": who.issuer},
    )
    identity = identity_of(identifiers, user.id, who, notice.written_at)
    return Link(user=user, identity=identity, notice=notice)


def say_linked(
    trail: Trail, identity: Identity, person: Person, now: datetime, *, by: str
) -> None:
    trail.add(
        "identity.linked",
        public_id(Prefix.USER, identity.user),
        now,
        details={
            "identity": public_id(Prefix.IDENTITY, identity.id),
            "issuer": identity.issuer,
            "by": by,
        },
        person=person,
    )


def unlink_all(work: Work, now: datetime) -> list[Identity]:
    """Whatever let somebody in is over; those that were linked."""
    return [each for each in work.identities.all() if work.identities.end(each.id, now)]


def say_unlinked(
    trail: Trail, identities: Sequence[Identity], person: Person, now: datetime, *, reason: str
) -> None:
    for each in identities:
        trail.add(
            "identity.unlinked",
            public_id(Prefix.USER, each.user),
            now,
            details={
                "identity": public_id(Prefix.IDENTITY, each.id),
                "issuer": each.issuer,
                "reason": reason,
            },
            person=person,
        )
