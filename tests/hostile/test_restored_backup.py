"""What had ended comes back with a backup; the restore procedure ends it again, all at once."""

import pytest

from application.operator.end_access import EndAllAccess
from tests.hostile.test_token_reuse import (
    EMAIL,
    NEW,
    confirm,
    invited,
    is_dead,
    opened,
    reset_token,
    site,  # noqa: F401 - a fixture
)
from tests.http.site import Person
from tests.http.test_identity import register


@pytest.fixture
def restored(site):  # noqa: F811 - the fixture of that name
    """The database is as it was, whatever happened since, and then the procedure is followed."""
    house = site.house
    backup = house.backup()

    def restore(ends=True):
        house.restore(backup)
        if ends:
            EndAllAccess(store=house.store, clock=house.clock, identifiers=house.identifiers)(
                "restored"
            )

    def again():
        backup[:] = house.backup()
        return restore

    return again


def test_a_key_that_was_revoked_after_the_backup_is_no_good_after_the_restore(site, restored):  # noqa: F811
    ada = register(site)
    leaked = ada.key()
    restore = restored()
    ada.post(f"/v1/api_keys/{leaked.registered['id']}/revoke")
    restore(ends=False)
    assert leaked.get("/v1/credits/balance").status_code == 200, "the backup brings it back"
    restore()
    assert leaked.get("/v1/credits/balance").json()["code"] == "api_key_not_enabled"
    assert leaked.post("/v1/api_keys", {"name": "more"}).status_code == 401
    path = f"/v1/api_keys/{leaked.registered['id']}/enable"
    assert leaked.post(path).status_code == 401, "nor does it let itself in"


def test_whoever_was_logged_out_by_a_new_password_stays_out_after_the_restore(site, restored):  # noqa: F811
    ada = register(site)
    stolen = opened(site)
    token = reset_token(site)
    restore = restored()
    confirm(site, reset_token(site))
    restore(ends=False)
    assert not is_dead(site, stolen), "the backup brings it back"
    restore()
    assert is_dead(site, stolen)
    assert ada.get("/v1/credits/balance").status_code == 401
    assert confirm(site, token, NEW).json()["code"] == "invalid_mail_token"


def test_an_invitation_that_was_withdrawn_is_over_after_the_restore(site, restored):  # noqa: F811
    owner = register(site, "owner@example.org")
    register(site)
    id, token = invited(site, owner)
    restore = restored()
    assert owner.call("DELETE", f"/v1/members/invitations/{id}").status_code == 204
    restore()
    guest = Person(site, opened(site, EMAIL)["access_token"])
    answered = guest.post("/v1/invitations/accept", {"token": token})
    assert answered.json()["code"] == "invalid_mail_token"
