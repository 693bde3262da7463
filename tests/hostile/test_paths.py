"""Paths that mean something else to a proxy than to us: none of them leads anywhere."""

import asyncio
import re
from urllib.parse import unquote

import pytest
from attrs import frozen

from entrypoints.http.app import create_app
from entrypoints.http.openapi import operations
from tests.application.house import House
from tests.http.site import services_of

PLAIN = sorted(
    path
    for path, method, _ in operations(create_app(services_of(House())).routes)
    if method == "get" and "{" not in path
)

#: From a path that is there to ones that are not.
TRICKS = {
    "a doubled slash": lambda path: path.replace("/v1/", "/v1//"),
    "a leading double slash": lambda path: "/" + path,
    "an encoded slash": lambda path: path.replace("/v1/", "/v1%2f"),
    "a doubly encoded slash": lambda path: path.replace("/v1/", "/v1%252f"),
    "an encoded backslash": lambda path: path.replace("/v1/", "/v1%5c"),
    "dot segments": lambda path: path.replace("/v1/", "/v1/x/../"),
    "encoded dot segments": lambda path: path.replace("/v1/", "/v1/x/%2e%2e/"),
    "doubly encoded dot segments": lambda path: path.replace("/v1/", "/v1/x/%252e%252e/"),
    "a single dot": lambda path: path.replace("/v1/", "/v1/./"),
    "other letters": lambda path: path.upper(),
    "a parameter": lambda path: path + ";x=1",
    "an extension": lambda path: path + ".json",
    "a null byte": lambda path: path + "%00",
    "a null byte and an extension": lambda path: path + "%00.css",
    "a newline": lambda path: path + "%0d%0a",
    "an overlong slash": lambda path: path.replace("/v1/", "/v1%c0%af"),
    "a full-width slash": lambda path: path.replace("/v1/", "/v1%ef%bc%8f"),
    "a space": lambda path: path + "%20",
    "a star": lambda path: path + "/*",
}

HEADERS = {
    "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method",
}  # fmt: skip


def raw(person, target, method="GET", **headers):
    """*target* as it stands in the first line of a request; clients straighten it before."""
    sent = {"Authorization": f"Bearer {person.token}"} | headers
    return asked(person.site, target, method, sent)


def asked(site, target, method="GET", headers=()):
    """What the server hands on of such a line (uvicorn, h11_impl): the path decoded, once."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in dict(headers).items()],
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
    }
    told = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        told.append(message)

    asyncio.run(site.client.app(scope, receive, send))
    head, *rest = told
    return Told(
        head["status"],
        {name.decode().lower(): value.decode() for name, value in head["headers"]},
        b"".join(each.get("body", b"") for each in rest).decode(),
    )


@frozen
class Told:
    status_code: int
    headers: dict
    text: str


def test_there_is_something_to_try():
    assert len(PLAIN) > 25


@pytest.mark.parametrize("trick", TRICKS)
def test_a_path_is_taken_as_it_is_written_or_not_at_all(ada, trick):
    for path in PLAIN:
        bent = TRICKS[trick](path)
        if bent == path or not path.startswith("/v1/"):
            continue
        answered = raw(ada, bent)
        assert answered.status_code in {400, 404, 405}, (bent, answered.text)
        assert "location" not in answered.headers
        assert answered.headers["x-request-id"]


def test_a_trailing_slash_is_the_same_resource_behind_the_same_door(site, ada):
    """The router takes one away; whoever is nobody is refused with it as without."""
    for path in PLAIN:
        if not path.startswith("/v1/") or path.endswith("/"):
            continue
        straight, bent = raw(ada, path), raw(ada, path + "/")
        assert bent.status_code in {straight.status_code, 404}, path
        nobody = asked(site, path)
        as_nobody = asked(site, path + "/")
        assert as_nobody.status_code in {nobody.status_code, 404}, path


@pytest.mark.parametrize("header", sorted(HEADERS))
def test_a_header_is_no_method(ada, header):
    """A firewall that lets GET and POST through has let nothing else through."""
    key = ada.key()
    id = key.registered["id"]
    for method in ("GET", "POST"):
        raw(ada, f"/v1/api_keys/{id}", method, **{header: "DELETE"})
        raw(ada, f"/v1/api_keys/{id}?_method=DELETE", method)
    session = ada.registered["tokens"]["session"]
    for method in ("GET", "POST"):
        answered = raw(ada, f"/v1/auth/sessions/{session}", method, **{header: "DELETE"})
        assert answered.status_code == 405
    assert key.get("/v1/deployments").status_code == 200
    assert ada.get("/v1/auth/sessions").status_code == 200


@pytest.mark.parametrize(
    "header", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Forwarded-Prefix"]
)
def test_a_header_is_no_path(site, ada, header):
    answered = asked(site, "/healthz", headers={header: "/v1/deployments"})
    assert answered.status_code == 200
    assert "data" not in answered.text
    assert raw(ada, "/v1/nothing", **{header: "/v1/deployments"}).status_code == 404


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "DEBUG", "FOO", "get"])
def test_no_other_method_does_anything(ada, method):
    answered = raw(ada, "/v1/deployments", method)
    assert answered.status_code in {400, 404, 405, 501}
    assert ada.token not in answered.text


@pytest.mark.parametrize(
    "path",
    ["/docs/../pyproject.toml", "/docs/%2e%2e/app.py", "/docs/..%2fapp.py", "/docs//etc/passwd",
     "/static/../app.py", "/docs/%2e%2e%2f%2e%2e%2fsettings.py", "/m/..%2f..%2fapp.py",
     "/m/%2e%2e", "/m/" + "0" * 64 + "%2f..", "/.env", "/.git/config", "/openapi.json%00"],
)  # fmt: skip
def test_no_file_of_ours_is_to_be_had(ada, path):
    answered = raw(ada, path)
    assert answered.status_code in {400, 404}, answered.text
    assert not re.search(r"import |\[project\]|root:", answered.text)


def test_an_id_is_one_segment_whatever_is_encoded_in_it(ada, eve):
    """An id of Ada's behind one of Eve's own, as some proxies would join them."""
    mine, theirs = eve.organisation, ada.organisation
    for path in (
        f"/v1/organisations/{mine}%2f..%2f{theirs}",
        f"/v1/organisations/{mine}/../{theirs}",
        f"/v1/organisations/{theirs}%00{mine}",
        f"/v1/organisations/{theirs}%20",
        f"/v1/organisations/{theirs.upper()}",
    ):
        answered = raw(eve, path)
        assert answered.status_code in {400, 404}, path
        assert "Ada" not in answered.text
