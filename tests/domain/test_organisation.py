"""Who may do what: every cell of the table, by hand."""

from datetime import timedelta
from uuid import UUID

from attrs import evolve

from domain.identifiers import ApiKeyId, MemberId, OrganisationId
from domain.organisation import PERMISSIONS, ApiKey, Permission, Role
from tests.contract.tenants import NOW

#: Rows: permissions; columns: o(wner) i(ssuer) c(ompliance) b(illing) a(uditor) d(eveloper).
TABLE = """
    organisation:read  oicbad
    deployments:read   oic.ad
    deployments:write  oi...d
    deployments:approve oic...
    tokens:write       oi...d
    accounts:write     o.....
    credits:read       oi.bad
    billing:read       o..b..
    billing:write      o..b..
    credits:write      o..b..
    usage:write        oi...d
    audit:read         o.c.a.
    api_keys:read      o....d
    api_keys:write     o....d
    webhooks:read      o....d
    webhooks:write     o....d
    members:read       o.c.a.
    members:write      o.....
"""


def test_every_role_may_do_what_the_table_says_and_nothing_else():
    rows = dict(line.split() for line in TABLE.strip().splitlines())
    assert set(rows) == set(Permission)
    for role in Role:
        allowed = {name for name, letters in rows.items() if role.value[0] in letters}
        assert PERMISSIONS[role] == allowed, role


def test_only_who_may_issue_may_change_deployments():
    writers = {role for role in Role if Permission.WRITE_DEPLOYMENTS in PERMISSIONS[role]}
    assert writers == {Role.OWNER, Role.ISSUER, Role.DEVELOPER}


def test_a_key_is_good_until_it_is_revoked_or_its_time_is_over():
    key = ApiKey(
        organisation=OrganisationId(UUID(int=1)),
        id=ApiKeyId(UUID(int=1)),
        name="CI",
        live=False,
        scopes=frozenset(),
        secret_hash=b"hash",
        hint="wxyz",
        created_by=MemberId(UUID(int=1)),
        created_at=NOW,
    )
    assert key.is_good(NOW + timedelta(days=10_000), 0)
    assert not key.is_good(NOW, 1)
    assert evolve(key, auth_epoch=1).is_good(NOW, 1)
    assert not evolve(key, revoked_at=NOW).is_good(NOW, 0)
    expiring = evolve(key, expires_at=NOW)
    assert expiring.is_good(NOW - timedelta(microseconds=1), 0)
    assert not expiring.is_good(NOW, 0)
    assert "hash'" not in repr(key)
