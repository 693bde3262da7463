"""Who may do what: organisations, users, members, roles, and the one table of permissions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum, StrEnum

from attrs import field, frozen

from domain.audit import API_VERSION
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import (
    ApiKeyId,
    MemberId,
    NetworkId,
    OrganisationId,
    SessionId,
    UserId,
)


class Role(Enum):
    OWNER = "owner"
    ISSUER = "issuer"
    COMPLIANCE = "compliance"
    BILLING = "billing"
    AUDITOR = "auditor"
    DEVELOPER = "developer"


class Permission(StrEnum):
    READ_ORGANISATION = "organisation:read"
    READ_DEPLOYMENTS = "deployments:read"
    WRITE_DEPLOYMENTS = "deployments:write"
    #: Be the second pair of eyes.
    APPROVE_DEPLOYMENTS = "deployments:approve"
    #: Mint, burn, pause.
    WRITE_TOKENS = "tokens:write"
    #: Disable issuing accounts; rotate, move and disable their keys.
    WRITE_ACCOUNTS = "accounts:write"
    READ_CREDITS = "credits:read"
    READ_BILLING = "billing:read"
    #: Spend the organisation's money: buy packs, change the subscription.
    WRITE_BILLING = "billing:write"
    #: Teams, quotas, gifts.
    WRITE_CREDITS = "credits:write"
    #: Hold and capture credits for metered operations.
    WRITE_USAGE = "usage:write"
    READ_AUDIT = "audit:read"
    READ_API_KEYS = "api_keys:read"
    WRITE_API_KEYS = "api_keys:write"
    READ_WEBHOOKS = "webhooks:read"
    WRITE_WEBHOOKS = "webhooks:write"
    READ_MEMBERS = "members:read"
    #: Invite people, change roles, remove.
    WRITE_MEMBERS = "members:write"


_READ = frozenset({Permission.READ_ORGANISATION, Permission.READ_DEPLOYMENTS})

#: What a person does and no key.
OF_PEOPLE = frozenset(
    {
        Permission.APPROVE_DEPLOYMENTS,
        Permission.READ_MEMBERS,
        Permission.WRITE_MEMBERS,
        Permission.WRITE_ACCOUNTS,
    }
)

#: The one table of who may do what.
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ISSUER: _READ
    | {
        Permission.APPROVE_DEPLOYMENTS,
        Permission.WRITE_DEPLOYMENTS,
        Permission.WRITE_TOKENS,
        Permission.READ_CREDITS,
        Permission.WRITE_USAGE,
    },
    Role.COMPLIANCE: _READ
    | {Permission.APPROVE_DEPLOYMENTS, Permission.READ_AUDIT, Permission.READ_MEMBERS},
    Role.BILLING: frozenset(
        {
            Permission.READ_ORGANISATION,
            Permission.READ_CREDITS,
            Permission.READ_BILLING,
            Permission.WRITE_BILLING,
            Permission.WRITE_CREDITS,
        }
    ),
    Role.AUDITOR: _READ
    | {Permission.READ_CREDITS, Permission.READ_AUDIT, Permission.READ_MEMBERS},
    Role.DEVELOPER: _READ
    | {
        Permission.WRITE_DEPLOYMENTS,
        Permission.WRITE_TOKENS,
        Permission.READ_CREDITS,
        Permission.WRITE_USAGE,
        Permission.READ_API_KEYS,
        Permission.WRITE_API_KEYS,
        Permission.READ_WEBHOOKS,
        Permission.WRITE_WEBHOOKS,
    },
}


@frozen(kw_only=True)
class Organisation:
    id: OrganisationId
    name: str
    tariff: TariffName
    created_at: datetime


#: Stands for the password hash of whoever was erased: no password has it.
ERASED = "erased"


@frozen(kw_only=True)
class User:
    """Somebody who logs in.  What they may do, their memberships say."""

    id: UserId
    #: As it is compared: stripped and lower case.
    email: str
    #: PHC string of Argon2id.
    password_hash: str = field(repr=False)
    created_at: datetime

    @property
    def is_erased(self) -> bool:
        return self.password_hash == ERASED


@frozen(kw_only=True)
class Member:
    organisation: OrganisationId
    id: MemberId
    user: UserId
    role: Role
    created_at: datetime
    #: Is one no more; an invitation makes them one again.
    removed_at: datetime | None = None

    @property
    def is_owner(self) -> bool:
        return self.role is Role.OWNER and self.removed_at is None


def last_owner_refusal(members: Iterable[Member], after: Member) -> Refusal | None:
    """Why one of *members* must not become as *after* says: nobody would own what is left."""
    if after.is_owner or any(each.is_owner and each.id != after.id for each in members):
        return None
    return Refusal(code="last_owner", detail="nobody would own the organisation any more")


@frozen(kw_only=True)
class Session:
    """One log-in.  Its refresh token is single use; using an old one revokes the session."""

    id: SessionId
    user: UserId
    organisation: OrganisationId
    created_at: datetime
    expires_at: datetime
    #: Hash of the refresh token that is good now (`application.access.sessions`).
    refresh_hash: bytes = field(repr=False)
    #: Hash of the one before; good for a few seconds more, for an answer that got lost.
    previous_hash: bytes | None = field(default=None, repr=False)
    rotated_at: datetime
    #: What the last rotation answered, wrapped, so that a repeat within the grace gets the same.
    successor: bytes | None = field(default=None, repr=False)
    revoked_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        return self.revoked_at is not None or self.expires_at <= now


@frozen(kw_only=True)
class ApiKey:
    organisation: OrganisationId
    id: ApiKeyId
    name: str
    live: bool
    #: What the key may do: a subset of what its maker may do.
    scopes: frozenset[Permission]
    #: SHA-256 of the secret part.
    secret_hash: bytes = field(repr=False)
    #: The secret's last four letters, to tell keys apart.
    hint: str
    created_by: MemberId
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Where it may issue; None: on every network of its mode.
    networks: frozenset[NetworkId] | None = None
    #: About when; not every use is written down.
    last_used_at: datetime | None = None
    #: Changing requests that the operator lets it make, where that is more than others may.
    requests_per_minute: int | None = None
    #: A date; the one that was present when it was made, for ever.
    api_version: str = API_VERSION
    #: The epoch of the installation's access that it was made in, or enabled in since.
    auth_epoch: int = 0

    def is_over(self, now: datetime) -> bool:
        """For good: nobody enables it again."""
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= now
        )

    def needs_enabling(self, epoch: int) -> bool:
        """All access was ended since; *epoch* is the installation's."""
        return self.auth_epoch < epoch

    def is_good(self, now: datetime, epoch: int) -> bool:
        return not self.is_over(now) and not self.needs_enabling(epoch)
