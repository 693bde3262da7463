"""Usage, grants, forecasts, teams, quotas and gifts, as members see them."""

import csv
from datetime import timedelta
from io import StringIO

import pytest

from application.ports.storage.work import Scope
from domain.identifiers import OrganisationId, Prefix, parse_id, public_id
from tests.catalogue import UNLIMITED

DAY = timedelta(days=1)


def key(name="key-1"):
    return {"Idempotency-Key": name}


def code_of(answered):
    return answered.status_code, answered.json()["code"]


@pytest.fixture
def bob(site):
    return site.register("bob@example.org")


def me(person):
    return person.registered["member"]["id"]


def later(site, ada, days=1):
    site.house.pass_time(timedelta(days=days))
    ada.token = site.log_in()


# Usage.


def test_usage_adds_up_by_day_by_member_and_by_operation(site, ada):
    ada.deploy("one")
    site.work_until_done()
    ci = ada.key()
    ci.deploy("two")
    today = site.house.clock.now().date().isoformat()
    told = ada.get("/v1/credits/usage").json()
    assert (told["by"], told["to"], told["captured"], told["held"]) == ("day", today, 5, 5)
    assert told["data"] == [{"key": today, "captured": 5, "held": 5, "number": 1}]
    by_member = ada.get("/v1/credits/usage?by=member").json()["data"]
    assert {row["key"]: (row["captured"], row["held"]) for row in by_member} == {
        me(ada): (5, 0),
        ci.registered["id"]: (0, 5),
    }
    (by_operation,) = ada.get("/v1/credits/usage?by=operation").json()["data"]
    assert by_operation == {"key": "deployment", "captured": 5, "held": 5, "number": 1}


def test_usage_is_of_the_days_that_are_asked_for(site, ada):
    ada.deploy("one")
    site.work_until_done()
    today = site.house.clock.now().date()
    later(site, ada, 40)
    assert ada.get("/v1/credits/usage").json()["data"] == []
    path = f"/v1/credits/usage?from={today - DAY}&to={today}"
    assert ada.get(path).json()["captured"] == 5
    assert ada.get(f"/v1/credits/usage?from={today + DAY}").json()["captured"] == 0
    told = ada.get(f"/v1/credits/usage?to={today}").json()
    assert (told["captured"], told["from"]) == (5, (today - 29 * DAY).isoformat())


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("from=2026-1-1", {"/from": "invalid_date"}),
        ("from=2026-02-30&to=x&by=colour&format=xml",
         {"/from": "invalid_date", "/to": "invalid_date", "/by": "not_offered",
          "/format": "not_offered"}),
        ("from=2026-02-02&to=2026-02-01", {"/from": "out_of_range"}),
        ("from=2025-01-01&to=2026-02-01", {"/from": "out_of_range"}),
        ("to=0001-01-05", {"/to": "invalid_date"}),
        ("to=9999-12-31", {"/to": "invalid_date"}),
        ("colour=red", {"/colour": "unknown_field"}),
    ],
)  # fmt: skip
def test_a_bad_question_is_told_all_that_is_wrong_with_it(ada, query, faults):
    answered = ada.get(f"/v1/credits/usage?{query}")
    assert code_of(answered) == (400, "validation_failed")
    assert {each["pointer"]: each["code"] for each in answered.json()["errors"]} == faults


@pytest.mark.parametrize(
    ("query", "headers", "is_csv"),
    [
        ("?format=csv", {}, True),
        ("", {"Accept": "text/csv"}, True),
        ("", {"Accept": "text/csv;q=0.9, application/json"}, True),
        ("", {"Accept": "application/json, text/csv"}, False),
        ("", {"Accept": "text/html, text/csv"}, True),
        ("?format=json", {"Accept": "text/csv"}, False),
        ("", {}, False),
    ],
)
def test_a_table_is_to_be_had_as_csv(site, ada, query, headers, is_csv):
    ada.deploy("one")
    site.work_until_done()
    for path, columns in (
        ("/v1/credits/usage", ["day", "captured", "held", "number"]),
        ("/v1/credits/grants", ["id", "source", "amount", "remaining", "effective_at",
                                "expires_at", "unit_cost", "currency", "fact"]),
    ):  # fmt: skip
        answered = ada.get(path + query, headers=headers)
        assert answered.status_code == 200
        if not is_csv:
            assert answered.headers["content-type"].startswith("application/json")
            continue
        assert answered.headers["content-type"].startswith("text/csv")
        assert "attachment" in answered.headers["content-disposition"]
        lines = list(csv.reader(StringIO(answered.text)))
        assert lines[0] == columns
        assert len(lines) == 2


# Grants.


def test_grants_say_what_is_left_what_they_cost_and_when_they_are_over(site, ada):
    site.house.pass_time(timedelta(seconds=1))
    site.sell(ada, 500)
    ada.deploy("one")
    pack, plan = ada.get("/v1/credits/grants").json()["data"]
    assert (pack["source"], pack["amount"], pack["remaining"]) == ("pack", 500, 500)
    assert (pack["unit_cost"], pack["currency"], pack["expires_at"]) == ("0.058000", "USD", None)
    assert (plan["source"], plan["remaining"], plan["unit_cost"]) == ("plan", 20, None)
    assert plan["expires_at"] is not None
    first = ada.get("/v1/credits/grants?limit=1").json()
    assert (first["data"], first["has_more"]) == ([pack], True)
    rest = ada.get("/v1/credits/grants", params={"cursor": first["next_cursor"]}).json()
    assert (rest["data"], rest["has_more"]) == ([plan], False)
    later(site, ada, 62)
    assert len(ada.get("/v1/credits/grants").json()["data"]) == 2
    assert ada.get("/v1/credits/grants?open=true").json()["data"] == [pack]


# Forecast.


def test_a_forecast_needs_a_week(site, ada):
    told = ada.get("/v1/credits/forecast").json()
    assert (told["has_enough_history"], told["runs_out_at"], told["needed_days"]) == (
        False, None, 7,
    )  # fmt: skip
    assert told["monthly_credits"] == 25


def test_a_steady_spender_is_told_when(site, ada):
    site.house.set_tariff(id_of(ada), UNLIMITED, "for the test")
    site.sell(ada, 100)
    for day in range(10):
        ada.deploy(f"key-{day}")
        site.work_until_done()
        later(site, ada)
    told = ada.get("/v1/credits/forecast").json()
    assert (told["history_days"], told["has_enough_history"]) == (9, True)
    assert told["spent_per_day"] == "5.000000"
    dates = set(told["runs_out_at"].values())
    assert len(dates) == 1, "a constant pace has no range"


def id_of(person):
    return OrganisationId(parse_id(Prefix.ORGANISATION, person.organisation))


# Teams and quotas.


def test_a_team_is_made_changed_and_dissolved(site, ada):
    body = {"name": "Ops", "members": [me(ada)]}
    made = ada.post("/v1/teams", body, headers=key())
    team = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/v1/teams/{team['id']}")
    again = ada.post("/v1/teams", body, headers=key())
    assert (again.json(), again.headers["idempotent-replayed"]) == (team, "true")
    assert ada.get("/v1/teams").json()["data"] == [team]
    assert ada.get(made.headers["location"]).json() == team
    changed = ada.call("PUT", f"/v1/teams/{team['id']}", json={"name": "Deployers", "members": []})
    assert changed.json() == team | {"name": "Deployers", "members": []}
    gone = ada.call("DELETE", f"/v1/teams/{team['id']}")
    assert (gone.status_code, gone.json()["dissolved_at"] is not None) == (200, True)
    assert ada.get("/v1/teams").json()["data"] == []
    assert code_of(ada.call("DELETE", f"/v1/teams/{team['id']}")) == (404, "not_found")


def test_a_team_is_of_members(ada, bob):
    body = {"name": "Ops", "members": [me(bob)]}
    assert code_of(ada.post("/v1/teams", body, headers=key())) == (422, "member_not_found")
    faulty = ada.post("/v1/teams", {"name": "", "members": ["x"]}, headers=key("2"))
    assert {each["pointer"] for each in faulty.json()["errors"]} == {"/name", "/members/0"}
    assert code_of(ada.post("/v1/teams", body)) == (400, "idempotency_key_missing")


def test_a_quota_refuses_a_deployment_an_operation_and_the_keys_of_its_member(site, ada):
    token = ada.issue("one")
    path = f"/v1/quotas/{me(ada)}/day"
    quota = ada.call("PUT", path, json={"limit": 6})
    assert quota.status_code == 200
    assert (quota.json()["used"], quota.json()["left"]) == (5, 1)
    refused = ada.create("two")
    assert code_of(refused) == (403, "quota_exceeded")
    assert ada.key().create("three").json()["code"] == "quota_exceeded"
    ada.mint(token)
    assert (
        ada.order(token, "mint", {"amount": "1", "to": token["owner"]}, "order-2").json()["code"]
        == "quota_exceeded"
    )
    (listed,) = ada.get("/v1/quotas").json()["data"]
    assert (listed["subject"], listed["window"], listed["left"]) == (me(ada), "day", 0)
    assert ada.call("DELETE", path).status_code == 204
    assert ada.get("/v1/quotas").json()["data"] == []
    assert code_of(ada.call("DELETE", path)) == (404, "not_found")
    # Sticky for its key, and free for a new one.
    assert code_of(ada.create("two")) == (403, "quota_exceeded")
    ada.deploy("four")
    site.work_until_done()


def test_a_teams_quota_binds_its_members(ada):
    team = ada.post("/v1/teams", {"name": "Ops", "members": [me(ada)]}, headers=key()).json()
    assert ada.call("PUT", f"/v1/quotas/{team['id']}/month", json={"limit": 4}).status_code == 200
    assert code_of(ada.create("one")) == (403, "quota_exceeded")
    assert team["id"] in ada.create("two").json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("mem_1/day", {"limit": 1}, (404, "not_found")),
        ("{me}/year", {"limit": 1}, (404, "not_found")),
        ("{me}/day", {"limit": -1}, (400, "validation_failed")),
        ("{me}/day", {"limit": 1.5}, (400, "validation_failed")),
        ("{me}/day", {"limit": True}, (400, "validation_failed")),
        ("{me}/day", {"limit": "1"}, (400, "validation_failed")),
        ("{me}/day", {}, (400, "validation_failed")),
    ],
)
def test_a_quota_is_a_whole_number_for_somebody_and_a_window(ada, path, body, expected):
    answered = ada.call("PUT", f"/v1/quotas/{path.format(me=me(ada))}", json=body)
    assert code_of(answered) == expected


# Gifts.


def test_a_gift_arrives_and_both_see_it(site, ada, bob):
    site.sell(ada, 100)
    body = {"to": bob.organisation, "credits": 40, "message": "for the launch"}
    sent = ada.post("/v1/credits/gifts", body, headers=key())
    assert sent.status_code == 201
    gift = sent.json()
    assert (gift["state"], gift["direction"], gift["credits"]) == ("under_way", "sent", 40)
    assert ada.balance == (85, 0)
    assert bob.balance == (25, 0)
    site.deliver_gifts()
    assert bob.balance == (65, 0)
    mine = ada.get(sent.headers["location"]).json()
    theirs = bob.get(sent.headers["location"]).json()
    assert (mine["state"], mine["sent_by"]) == ("delivered", me(ada))
    assert (theirs["direction"], theirs["organisation"], theirs["message"]) == (
        "received", ada.organisation, "for the launch",
    )  # fmt: skip
    assert theirs["sent_by"] == ada.organisation
    assert ada.get("/v1/credits/gifts").json()["data"] == [mine]
    assert bob.get("/v1/credits/gifts").json()["data"] == [theirs]
    again = ada.post("/v1/credits/gifts", body, headers=key())
    assert (again.json(), again.headers["idempotent-replayed"]) == (mine, "true")


def test_a_stranger_and_nobody_are_answered_alike(site, ada, bob):
    site.sell(ada, 100)
    nobody = public_id(Prefix.ORGANISATION, site.house.identifiers.next())
    answers = [
        ada.post("/v1/credits/gifts", {"to": to, "credits": 1}, headers=key(to)).json()
        for to in (bob.organisation, nobody)
    ]
    unlike = {"id", "organisation"}
    assert len({str({k: v for k, v in each.items() if k not in unlike}) for each in answers}) == 1
    site.deliver_gifts()
    states = [each["state"] for each in ada.get("/v1/credits/gifts").json()["data"]]
    assert sorted(states) == ["delivered", "returned"]
    assert ada.balance == (124, 0)


def test_a_gift_that_cannot_be_is_refused(site, ada, bob):
    def give(number, **changes):
        body = {"to": bob.organisation, "credits": 1} | changes
        return code_of(ada.post("/v1/credits/gifts", body, headers=key(str(number))))

    assert give(1) == (402, "insufficient_credits")
    site.sell(ada, 1_000)
    assert give(2, credits=501) == (403, "gift_cap_exceeded")
    assert give(3, to=ada.organisation) == (422, "gift_to_self")
    assert give(4, to=me(bob)) == (422, "member_not_found")
    assert give(5, to=me(ada)) == (422, "gift_to_self")
    for number, wrong in enumerate(
        ({"to": "dep_1"}, {"credits": 0}, {"credits": "5"}, {"message": ""}, {"window": "day"},
         {"to": me(ada), "message": "x"}, {"message": "x", "window": "day"}),
        start=6,
    ):  # fmt: skip
        assert give(number, **wrong) == (400, "validation_failed"), wrong


def test_an_auditor_sees_and_changes_nothing(site, ada, bob):
    reader = ada.key(scopes=["credits:read"])
    for path in ("usage", "grants", "forecast", "gifts"):
        assert reader.get(f"/v1/credits/{path}").status_code == 200
    for path in ("/v1/teams", "/v1/quotas"):
        assert reader.get(path).status_code == 200
    for method, path, body in (
        ("POST", "/v1/teams", {"name": "Ops"}),
        ("PUT", f"/v1/quotas/{me(ada)}/day", {"limit": 1}),
        ("DELETE", f"/v1/quotas/{me(ada)}/day", None),
        ("POST", "/v1/credits/gifts", {"to": bob.organisation, "credits": 1}),
    ):
        options = {} if body is None else {"json": body}
        assert code_of(reader.call(method, path, headers=key(), **options)) == (403, "forbidden")
    writer = ada.key(scopes=["organisation:read"])
    for path in ("usage", "grants", "forecast", "gifts"):
        assert code_of(writer.get(f"/v1/credits/{path}")) == (403, "forbidden")


def test_running_low_is_an_event_of_the_audit_trail(site, ada):
    for number in range(4):
        ada.deploy(f"key-{number}")
    with site.house.store.begin(Scope(organisation=id_of(ada))) as work:
        events = [e.content() for e in work.audit.all(limit=100) if e.action == "balance.low"]
    (told,) = events
    assert told["details"] == {"available": 5, "granted": 25, "percent": 20}
    assert told["subject"] == ada.organisation
