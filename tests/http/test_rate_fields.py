"""RateLimit, RateLimit-Policy and Retry-After: on every answer that is counted, and true.

draft-ietf-httpapi-ratelimit-headers: lists of RFC 9651, each item a name with integers beside it.
The routes come from the router, so one that is added tomorrow is tried tomorrow.
"""

import re
from datetime import timedelta

import pytest
from attrs import evolve
from litestar.testing import TestClient

from entrypoints.http.app import create_app
from entrypoints.http.openapi import operations
from entrypoints.http.services import Limits
from tests.application.house import House
from tests.http.site import Site, count_requests, services_of

ROUTES = [
    (re.sub(r":\w+}", "}", path), method.upper(), operation)
    for path, method, operation in operations(create_app(services_of(House())).routes)
]
POLICY = re.compile(r'"(reads|changes|network)";q=([1-9]\d*);w=60')
LIMIT = re.compile(r'"(reads|changes|network)";r=(0|[1-9]\d*);t=([1-9]\d*)')
UNLIMITED = {"/.well-known/jwks.json", "/healthz", "/readyz", "/v1/billing/stripe/webhook"}
READS, CHANGES = 3_000, 2_000


@pytest.fixture
def services(house):
    limits = Limits(read_limit_per_minute=READS)
    counted = count_requests(house, requests_per_minute=CHANGES)
    return services_of(house, limits=limits, count_requests=counted)


def fields_of(answered):
    """Name, and the numbers q, r, t."""
    policy = POLICY.fullmatch(answered.headers["RateLimit-Policy"])
    limit = LIMIT.fullmatch(answered.headers["RateLimit"])
    assert policy, answered.headers
    assert limit, answered.headers
    assert policy[1] == limit[1]
    return policy[1], int(policy[2]), int(limit[2]), int(limit[3])


def counted_as(method, operation):
    if operation.is_public:
        return "network"
    return "reads" if method == "GET" or operation.is_read else "changes"


def test_there_is_something_to_try():
    named = [counted_as(method, operation) for _, method, operation in ROUTES]
    assert min(named.count(each) for each in ("reads", "changes", "network")) > 5


def test_every_answer_that_is_counted_says_how_many_are_left(ada):
    """Good ones and problems: a thing that is not there, a body that is faulty.  No time passes,
    so each takes one away from what the one before has left.
    """
    limits = {"reads": READS, "changes": CHANGES, "network": READS}
    before = {}
    for path, method, operation in ROUTES:
        if operation.id == "log_out":
            continue
        options = {} if operation.body is None else {"json": {}}
        answered = ada.call(
            method, path.replace("{", "").replace("}", ""), follow_redirects=False, **options
        )
        if path in UNLIMITED:
            assert "RateLimit" not in answered.headers, path
            assert not operation.is_limited, path
            continue
        assert operation.is_limited, path
        name, quota, left, seconds = fields_of(answered)
        assert (name, quota) == (counted_as(method, operation), limits[name]), (method, path)
        assert left == before.get(name, left + 1) - 1, (method, path)
        assert left < quota
        # As far as a minute reaches, whose second may have begun already.
        assert seconds <= 61
        before[name] = left
    assert set(before) == set(limits)


def test_an_answer_that_has_no_body_has_them_too(site, ada):
    deployment = ada.deploy()
    path = f"/v1/deployments/{deployment['id']}"
    tag = ada.get(path).headers["ETag"]
    same = ada.get(path, headers={"If-None-Match": tag})
    assert same.status_code == 304
    assert fields_of(same)[0] == "reads"
    site.work_until_done()
    told = ada.get(f"{path}/events", headers={"Last-Event-ID": "9999999"})
    assert told.status_code == 204
    assert fields_of(told)[0] == "reads"


def reading(site, person):
    return person.get("/v1/deployments")


def changing(site, person):
    return person.post("/v1/api_keys", {"name": "ci"})


def knocking(site, person):
    body = {"email": "nobody@example.org", "password": "not this one"}
    return site.call("POST", "/v1/auth/login", json=body)


@pytest.mark.parametrize(
    ("ask", "name", "good"),
    [(reading, "reads", 200), (changing, "changes", 201), (knocking, "network", 401)],
)
def test_who_asks_too_often_is_told_when_to_come_back_and_may_then(house, ask, name, good):
    counted = count_requests(house, requests_per_minute=2)
    before = services_of(house)
    with TestClient(create_app(before)) as client:
        person = Site(house, before, client).register()
    # The same keys sign sessions.
    services = evolve(before, count_requests=counted, limits=Limits(read_limit_per_minute=2))
    with TestClient(create_app(services), raise_server_exceptions=False) as client:
        site = person.site = Site(house, services, client)
        asked = [fields_of(ask(site, person))[:3] for _ in range(2)]
        assert asked == [(name, 2, 1), (name, 2, 0)]
        refused = ask(site, person)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        wait = int(refused.headers["Retry-After"])
        assert fields_of(refused) == (name, 2, 0, wait)
        assert refused.json()["retry_after_seconds"] == wait
        house.pass_time(timedelta(seconds=wait - 1))
        early = ask(site, person)
        assert early.status_code == 429
        assert early.headers["Retry-After"] == "1"
        house.pass_time(timedelta(seconds=1))
        assert ask(site, person).status_code == good
