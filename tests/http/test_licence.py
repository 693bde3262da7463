"""The licence, as a member sees it."""

from datetime import timedelta

from domain.audit import timestamp
from domain.identifiers import OrganisationId, Prefix, parse_id
from tests.application.paying import record


def licence(person):
    answered = person.get("/v1/billing/licence")
    assert answered.status_code == 200
    return answered.json()


def pays(site, person, **changes):
    id = parse_id(Prefix.ORGANISATION, person.organisation)
    record(site.house, organisation=OrganisationId(id), **changes)


ALL_ON = {
    "state": "active", "premium": True, "core": True, "reports": True, "since": None,
    "until": None,
}  # fmt: skip


def test_who_owes_nothing_may_begin_everything(ada):
    assert licence(ada) == ALL_ON


def test_the_licence_tells_what_is_off_since_when_and_until_when(site, ada):
    # A session would be over by then.
    key = ada.key()
    now = site.house.clock.now()
    grace = timedelta(days=15)
    pays(site, ada, first_failure_at=now)
    assert licence(key) == ALL_ON | {
        "state": "payment_failed", "premium": False, "since": timestamp(now),
        "until": timestamp(now + grace),
    }  # fmt: skip
    assert ada.create("core goes on").status_code == 202
    site.house.pass_time(grace)
    assert licence(key) == ALL_ON | {
        "state": "suspended", "premium": False, "core": False, "since": timestamp(now + grace),
    }  # fmt: skip
    pays(site, ada, first_failure_at=None)
    assert licence(key) == ALL_ON


def test_when_nothing_begins_the_answer_says_how_to_go_on(site, ada):
    pays(site, ada, first_failure_at=site.house.clock.now() - timedelta(days=15))
    for refused in (ada.create("one"), ada.create("one"), ada.plan()):
        assert (refused.status_code, refused.json()["code"]) == (402, "licence_core_off")
        assert refused.json()["retry"] == "after_remediation"
    assert ada.get("/v1/credits/journal").status_code == 200, "and everything can be read"
    assert ada.get("/v1/deployments").status_code == 200
