"""One organisation's word used in another: keys, idempotency, invitations, sessions.

That an id of somebody else's is unknown on every route, `tests/http/test_tenancy.py` tries.
"""

from tests.http.site import Person


def test_an_idempotency_key_answers_its_own_organisation_only(ada, eve, site):
    site.give_key(eve.organisation)
    of_ada = ada.deploy("the-same-key")
    of_eve = eve.create("the-same-key")
    assert of_eve.status_code == 202
    assert of_eve.json()["id"] != of_ada["id"]
    assert "Idempotent-Replayed" not in of_eve.headers


def test_the_same_key_on_another_route_is_another_request(ada):
    deployment = ada.deploy("the-same-key")
    cancelled = ada.post(
        f"/v1/deployments/{deployment['id']}/cancel",
        {},
        headers={"Idempotency-Key": "the-same-key"},
    )
    assert "Idempotent-Replayed" not in cancelled.headers


def test_a_session_acts_for_the_organisation_that_it_says_and_no_other(ada, eve):
    """No header and no field moves it."""
    for headers in (
        {"X-Organisation": eve.organisation},
        {"X-Org-Id": eve.organisation},
        {"Tallystick-Account": eve.organisation},
    ):
        listed = ada.get("/v1/organisations", headers=headers).json()["data"]
        assert [each["id"] for each in listed] == [ada.organisation]
    answered = ada.post("/v1/auth/switch", {"organisation": eve.organisation})
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")


def test_a_key_of_one_organisation_does_nothing_in_another_of_its_maker(site, ada, eve):
    """Ada is in both: her key stays where it was made, wherever her session goes."""
    key = ada.key()
    # Without letters an invitation is accepted by whoever is logged in with that address.
    eve.post("/v1/members/invitations", {"email": "ada@example.org", "role": "owner"})
    listed = key.get("/v1/organisations").json()["data"]
    assert [each["id"] for each in listed] == [ada.organisation]
    assert key.get(f"/v1/organisations/{eve.organisation}").status_code == 404


def test_an_approver_of_one_organisation_approves_nothing_of_another(ada, eve):
    deployment = ada.deploy()
    body = {"verdict": "approved", "plan_hash": deployment["plan_hash"] or "0" * 64}
    answered = eve.post(
        f"/v1/deployments/{deployment['id']}/approval", body, headers={"Idempotency-Key": "k"}
    )
    assert answered.status_code in {400, 404}
    assert deployment["id"] not in answered.text


def test_what_ada_is_asked_to_pay_for_is_not_delivered_to_eve(site, ada, eve):
    """Webhooks, exports and evidence go to whoever asked, never to whom the request names."""
    hook = {"url": "https://hooks.example.com"}
    made = eve.post("/v1/webhook_endpoints", hook, headers={"Idempotency-Key": "k"}).json()["id"]
    ada.deploy()
    site.work_until_done()
    log = eve.get(f"/v1/webhook_endpoints/{made}/deliveries").json()["data"]
    assert log == []
    assert eve.get("/v1/events").json()["data"] == [] or ada.organisation not in str(
        eve.get("/v1/events").json()
    )


def test_a_bearer_that_is_said_twice_is_nobodys(site, ada, eve):
    """A proxy reads the first, we the last, or both."""
    both = [
        ("Authorization", f"Bearer {ada.token}"),
        ("Authorization", f"Bearer {eve.token}"),
    ]
    answered = site.client.get("/v1/organisations", headers=both)
    assert answered.status_code == 401
    joined = Person(site, f"{ada.token}, Bearer {eve.token}").get("/v1/organisations")
    assert joined.status_code == 401
