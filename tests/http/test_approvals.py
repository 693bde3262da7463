"""Four eyes: nothing is signed before a second member has approved the plan's hash."""

from datetime import timedelta

import pytest

from tests.http.site import PASSWORD
from tests.http.test_identity import is_refused, register, site  # noqa: F401
from tests.http.test_members import GRACE, joined, switched


@pytest.fixture
def ada(site):  # noqa: F811 - the fixture of that name
    person = register(site)
    site.give_key(person.organisation)
    answered = policy(person, needed=True)
    assert answered.json() == {"deployments_need_approval": True}
    return person


@pytest.fixture
def grace(site, ada):  # noqa: F811 - as above
    person = register(site, GRACE)
    joined(ada, person, "compliance")
    return switched(person, ada)


def policy(person, *, needed):
    path = f"/v1/organisations/{person.organisation}/policy"
    return person.call("PUT", path, json={"deployments_need_approval": needed})


def planned(person, key="planned"):
    plan = person.plan().json()
    chosen = {name: plan[name] for name in ("deployment_id", "plan_hash")}
    return person.deploy(key, **chosen)


def decide(person, deployment, verdict="approved", plan_hash=None):
    body = {"verdict": verdict, "plan_hash": plan_hash or deployment["plan_hash"]}
    return person.post(f"/v1/deployments/{deployment['id']}/approval", body)


def come_again(person, email, organisation):
    """An access token is good for ten minutes."""
    body = {"email": email, "password": PASSWORD, "organisation": organisation}
    answered = person.site.call("POST", "/v1/auth/login", json=body)
    person.token = answered.json()["access_token"]


def seen(person, deployment):
    return person.get(f"/v1/deployments/{deployment['id']}").json()


def test_nothing_is_signed_before_somebody_else_approves(site, ada, grace):  # noqa: F811
    deployment = planned(ada)
    site.house.work(rounds=5)
    waiting = seen(ada, deployment)
    assert (waiting["state"], waiting["waiting"]["for"]) == ("Queued", "approval")
    assert waiting["steps"][0]["transactions"] == []
    is_refused(decide(ada, deployment), 403, "approval_by_requester")
    site.house.work(rounds=5)
    assert seen(ada, deployment)["state"] == "Queued"
    assert decide(grace, deployment).json()["verdict"] == "approved"
    site.work_until_done()
    assert seen(ada, deployment)["state"] == "Completed"


def test_what_is_approved_is_the_hash_that_was_asked_for(ada, grace):
    deployment = planned(ada)
    is_refused(decide(grace, deployment, plan_hash="0" * 64), 409, "plan_changed")
    approval = ada.get(f"/v1/deployments/{deployment['id']}/approval").json()
    assert (approval["verdict"], approval["plan_hash"]) == ("pending", deployment["plan_hash"])


def test_without_a_plan_nothing_is_accepted(ada):
    is_refused(ada.create("no-plan"), 409, "plan_hash_required")


def test_what_is_rejected_costs_nothing(site, ada, grace):  # noqa: F811
    before = ada.balance
    deployment = planned(ada)
    assert decide(grace, deployment, "rejected").json()["verdict"] == "rejected"
    is_refused(decide(grace, deployment), 409, "approval_decided")
    site.work_until_done()
    failed = seen(ada, deployment)
    assert (failed["state"], failed["may_retry"]) == ("Failed", True)
    assert ada.balance == before


def test_what_nobody_approves_in_time_costs_nothing_and_is_asked_for_again(
    site,  # noqa: F811
    ada,
    grace,
):
    before = ada.balance
    deployment = planned(ada)
    site.house.pass_time(timedelta(days=3))
    for person, email in ((ada, "ada@example.org"), (grace, GRACE)):
        come_again(person, email, ada.organisation)
    is_refused(decide(grace, deployment), 409, "approval_expired")
    site.work_until_done()
    failed = seen(ada, deployment)
    assert (failed["state"], failed["may_retry"]) == ("Failed", True)
    assert ada.balance == before
    path = f"/v1/deployments/{deployment['id']}/retry"
    assert ada.post(path, headers={"Idempotency-Key": "again"}).status_code == 202
    site.house.work(rounds=2)
    assert seen(ada, deployment)["waiting"]["for"] == "approval"
    assert decide(grace, deployment).status_code == 200
    site.work_until_done()
    assert seen(ada, deployment)["state"] == "Completed"


def test_a_key_asks_and_its_maker_does_not_approve(site, ada, grace):  # noqa: F811
    key = ada.key()
    deployment = planned(key)
    is_refused(decide(ada, deployment), 403, "approval_by_requester")
    is_refused(decide(key, deployment), 403, "session_required")
    assert decide(grace, deployment).status_code == 200


def test_cancelling_needs_nobody(ada, grace):
    deployment = planned(ada)
    assert ada.post(f"/v1/deployments/{deployment['id']}/cancel").status_code == 200
    is_refused(decide(grace, deployment), 409, "approval_decided")


def test_the_trail_tells_who_approved_which_hash(site, ada, grace):  # noqa: F811
    deployment = planned(ada)
    decide(grace, deployment)
    params = {"subject": deployment["id"]}
    events = [each["event"] for each in ada.get("/v1/audit/events", params=params).json()["data"]]
    told = {each["action"]: each for each in events}
    given = told["approval.given"]
    assert given["details"]["plan_hash"] == deployment["plan_hash"]
    assert given["actor"]["id"] == given["details"]["decided_by"]
    assert given["details"]["requested_by"] == ada.registered["member"]["id"]


def test_only_owners_say_whether_it_is_needed(ada, grace):
    is_refused(policy(grace, needed=False), 404, "not_found")
    grace.registered = ada.registered
    is_refused(policy(grace, needed=False), 403, "forbidden")
    assert policy(ada, needed=False).json() == {"deployments_need_approval": False}
    assert ada.create("free").status_code == 202
