"""What tokens point at, as anybody on the web gets it."""

import base64
import hashlib

import pytest
from attrs import evolve
from litestar.testing import TestClient

from application.ports.metadata import MetadataUnavailableError
from entrypoints.http.app import create_app
from entrypoints.http.services import Limits
from tests.http.site import services_of

CONTENT = '{"name":"Gold — ☃"}'.encode()
DIGEST = base64.urlsafe_b64encode(hashlib.sha256(CONTENT).digest()).rstrip(b"=").decode()
PATH = f"/m/{DIGEST}"
OWN = {"Host": "META.example.com:8443"}
OURS = {"Host": "issue.example.com"}


@pytest.fixture
def published(house):
    house.metadata.put(CONTENT)


def test_a_document_comes_back_byte_for_byte(site, published):
    answered = site.call("GET", PATH)
    assert answered.status_code == 200
    assert answered.content == CONTENT
    assert site.house.metadata.url_of(CONTENT).endswith(PATH)


def test_it_is_data_that_any_page_may_read_and_no_browser_runs(site, published):
    headers = site.call(
        "GET", PATH, headers={"Accept": "text/html", "Origin": "https://x"}
    ).headers
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    policy = [each.strip() for each in headers["Content-Security-Policy"].split(";")]
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert "access-control-allow-credentials" not in headers
    assert "set-cookie" not in headers


def test_it_is_kept_for_ever_and_asked_for_again_by_its_tag(site, published):
    headers = site.call("GET", PATH).headers
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for tags in (headers["ETag"], f"W/{headers['ETag']}", "*", f'"other", {headers["ETag"]}'):
        again = site.call("GET", PATH, headers={"If-None-Match": tags})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == headers["ETag"]
    assert site.call("GET", PATH, headers={"If-None-Match": '"other"'}).content == CONTENT


@pytest.mark.parametrize(
    "digest",
    [
        "A" * 43,
        DIGEST[:-1],
        DIGEST + "=",
        DIGEST + "A",
        # Other bits behind the digest: the same bytes to a careless decoder.
        DIGEST[:-1] + chr(ord(DIGEST[-1]) + 1),
        hashlib.sha256(CONTENT).hexdigest(),
        "é" * 43,
    ],
)
def test_what_is_not_there_is_a_problem_like_any_other(site, published, digest):
    answered = site.call("GET", f"/m/{digest}")
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")
    assert "immutable" not in answered.headers["Cache-Control"]


def test_a_store_that_does_not_answer_is_said_to_be_unavailable(site, published):
    site.house.metadata.failure = MetadataUnavailableError("down")
    answered = site.call("GET", PATH)
    assert (answered.status_code, answered.json()["code"]) == (503, "storage_unavailable")


def test_strangers_are_counted(house, published):
    limits = Limits(read_limit_per_minute=2)
    with TestClient(create_app(services_of(house, limits=limits))) as client:
        assert [client.get(PATH).status_code for _ in range(3)] == [200, 200, 429]


def test_without_a_host_name_of_their_own_any_will_do(site, published):
    for host in (OWN, OURS):
        assert site.client.get(PATH, headers=host).status_code == 200
        assert site.client.get("/healthz", headers=host).status_code == 200


class TestOnAHostNameOfTheirOwn:
    @pytest.fixture
    def services(self, house):
        return evolve(services_of(house), document_host="meta.example.com")

    @pytest.fixture
    def client(self, services, published):
        with TestClient(create_app(services), raise_server_exceptions=False) as client:
            yield client

    @pytest.mark.parametrize(
        "host", ["meta.example.com", "META.example.com:8443", "meta.example.com."]
    )
    def test_they_are_there(self, client, host):
        assert client.get(PATH, headers={"Host": host}).content == CONTENT

    @pytest.mark.parametrize("host", ["issue.example.com", "meta.example.com.evil.example", "x"])
    def test_and_nowhere_else(self, client, host):
        answered = client.get(PATH, headers={"Host": host})
        assert (answered.status_code, answered.json()["code"]) == (404, "route_not_found")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/healthz"),
            ("GET", "/docs"),
            ("GET", "/openapi.json"),
            ("GET", "/v1/deployments"),
            ("POST", "/v1/auth/login"),
            ("DELETE", "/v1/auth/login"),
            ("OPTIONS", "/v1/deployments"),
            ("GET", "/"),
            ("GET", "/m"),
            ("GET", "//healthz"),
        ],
    )
    def test_nothing_else_is_there(self, client, method, path):
        answered = client.request(method, path, headers=OWN)
        assert (answered.status_code, answered.json()["code"]) == (404, "route_not_found")
        assert "allow" not in answered.headers

    @pytest.mark.parametrize(
        "path", ["/m/../healthz", "/m/%2e%2e/healthz", "/m/x/../../v1/networks"]
    )
    def test_no_path_leads_out_of_it(self, client, path):
        assert client.get(path, headers=OWN).status_code == 404

    def test_everything_else_is_where_it_was(self, client):
        assert client.get("/healthz", headers=OURS).status_code == 200
        assert client.get("/docs", headers=OURS).status_code == 200
