"""Members: invited, accepted, given another role, removed."""

import pytest

from domain.organisation import Role
from tests.http.test_identity import is_refused, log_in, register, site, token_of  # noqa: F401

GRACE = "grace@example.org"


@pytest.fixture
def ada(site):  # noqa: F811 - the fixture of that name
    return register(site)


@pytest.fixture
def grace(site):  # noqa: F811 - as above
    return register(site, GRACE)


def invite(owner, email=GRACE, role="issuer"):
    return owner.post("/v1/members/invitations", {"email": email, "role": role})


def invitation_to(person, email=GRACE):
    person.site.house.post()
    sent = (each for each in reversed(person.site.house.mail.sent) if each.to == email)
    return token_of(next(each for each in sent if each.subject == "You are invited"))


def accept(person, token):
    return person.post("/v1/invitations/accept", {"token": token})


def joined(owner, person, role="issuer", email=GRACE):
    """The membership of *person* in the organisation of *owner*."""
    assert invite(owner, email, role).status_code == 201
    answered = accept(person, invitation_to(owner, email))
    assert answered.status_code == 201, answered.text
    return answered.json()


def switched(person, owner):
    assert person.post("/v1/auth/switch", {"organisation": owner.organisation}).status_code == 200
    return person


def members(person):
    return {each["email"]: each["role"] for each in person.get("/v1/members").json()["data"]}


def test_somebody_is_invited_and_joins(ada, grace):
    invited = invite(ada).json()
    assert (invited["email"], invited["role"], invited["state"]) == (GRACE, "issuer", "queued")
    token = invitation_to(ada)
    (listed,) = ada.get("/v1/members/invitations").json()["data"]
    assert (listed["id"], listed["email"], listed["state"]) == (invited["id"], GRACE, "sent")
    member = accept(grace, token).json()
    assert (member["organisation"], member["role"]) == (ada.organisation, "issuer")
    assert ada.get("/v1/members/invitations").json()["data"] == []
    assert members(ada) == {"ada@example.org": "owner", GRACE: "issuer"}
    is_refused(accept(grace, token), 400, "invalid_mail_token")
    switched(grace, ada)
    assert grace.get("/v1/credits/balance").status_code == 200
    is_refused(invite(grace), 403, "forbidden")


def test_an_invitation_is_for_the_address_it_was_sent_to(site, ada, grace):  # noqa: F811
    eve = register(site, "eve@example.org")
    invite(ada)
    token = invitation_to(ada)
    is_refused(accept(eve, token), 403, "invitation_for_another")
    assert accept(grace, token).status_code == 201
    invite(ada)
    is_refused(accept(grace, invitation_to(ada)), 409, "member_already")


def test_a_withdrawn_invitation_is_over(ada, grace):
    invited = invite(ada).json()
    token = invitation_to(ada)
    path = f"/v1/members/invitations/{invited['id']}"
    is_refused(grace.call("DELETE", path), 404, "not_found")
    assert ada.call("DELETE", path).status_code == 204
    is_refused(accept(grace, token), 400, "invalid_mail_token")


def test_a_key_neither_invites_nor_becomes_a_member(ada, grace):
    key = ada.key()
    assert "members:write" not in key.registered["scopes"]
    is_refused(invite(key), 403, "forbidden")
    is_refused(
        ada.post("/v1/api_keys", {"name": "x", "scopes": ["members:write"]}), 403, "forbidden"
    )
    invite(ada)
    is_refused(accept(grace.key(), invitation_to(ada)), 403, "session_required")


def test_another_role_counts_at_once_also_for_keys_made_before(ada, grace):
    member = joined(ada, grace, "developer")
    switched(grace, ada)
    key = grace.key()
    path = f"/v1/members/{member['id']}"
    changed = ada.call("PATCH", path, json={"role": "auditor"})
    assert changed.json()["role"] == "auditor"
    for caller in (grace, key):
        is_refused(caller.create(), 403, "forbidden")
        assert caller.get("/v1/deployments").status_code == 200
    is_refused(key.get("/v1/audit/events"), 403, "forbidden")


def test_who_is_removed_is_out_at_once_and_may_come_again(site, ada, grace):  # noqa: F811
    member = joined(ada, grace, "developer")
    switched(grace, ada)
    key = grace.key()
    assert ada.call("DELETE", f"/v1/members/{member['id']}").status_code == 204
    is_refused(grace.get("/v1/credits/balance"), 401, "invalid_token")
    is_refused(key.get("/v1/credits/balance"), 401, "invalid_api_key")
    assert members(ada) == {"ada@example.org": "owner"}
    back = site.person({**grace.registered, "tokens": log_in(site, GRACE).json()})
    is_refused(back.post("/v1/auth/switch", {"organisation": ada.organisation}), 404, "not_found")
    again = joined(ada, back, "issuer")
    assert (again["id"], again["role"]) == (member["id"], "issuer")
    is_refused(key.get("/v1/credits/balance"), 401, "invalid_api_key")
    is_refused(grace.get("/v1/credits/balance"), 401, "invalid_token")


def test_the_last_owner_neither_leaves_nor_steps_down(ada, grace):
    own = ada.registered["member"]["id"]
    path = f"/v1/members/{own}"
    is_refused(ada.call("DELETE", path), 409, "last_owner")
    is_refused(ada.call("PATCH", path, json={"role": "issuer"}), 409, "last_owner")
    joined(ada, grace, "owner")
    assert ada.call("PATCH", path, json={"role": "issuer"}).json()["role"] == "issuer"
    switched(grace, ada)
    is_refused(grace.call("DELETE", f"/v1/members/{own}x"), 404, "not_found")
    assert ada.call("DELETE", path).status_code == 204
    assert members(grace) == {GRACE: "owner"}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_only_an_owner_changes_who_is_in(ada, grace, role):
    member = joined(ada, grace, role.value)
    switched(grace, ada)
    owner = ada.registered["member"]["id"]
    is_refused(invite(grace, "x@example.org"), 403, "forbidden")
    is_refused(grace.get("/v1/members/invitations"), 403, "forbidden")
    is_refused(
        grace.call("PATCH", f"/v1/members/{member['id']}", json={"role": "owner"}),
        403,
        "forbidden",
    )
    is_refused(grace.call("DELETE", f"/v1/members/{owner}"), 403, "forbidden")
    assert grace.call("DELETE", f"/v1/members/{member['id']}").status_code == 204


def test_the_trail_tells_who_was_in(ada, grace):
    member = joined(ada, grace, "issuer")
    ada.call("PATCH", f"/v1/members/{member['id']}", json={"role": "auditor"})
    ada.call("DELETE", f"/v1/members/{member['id']}")
    events = ada.get("/v1/audit/events", params={"subject": member["id"]}).json()["data"]
    assert [each["event"]["action"] for each in events] == [
        "member.added",
        "member.role_changed",
        "member.removed",
    ]
