"""Line ends and controls in whatever comes in: none leaves in a header or a log."""

import pytest

from tests.hostile.test_paths import asked

CRLF = "x\r\nSet-Cookie: evil=1\r\n\r\n<script>"


def is_clean(answered):
    headers = answered.headers
    assert "set-cookie" not in {name.lower() for name in headers}
    assert not [value for value in headers.values() if "\r" in value or "\n" in value]
    assert "evil=1" not in str(dict(headers))
    return True


@pytest.mark.parametrize(
    "name",
    ["X-Request-Id", "traceparent", "Idempotency-Key", "If-None-Match", "Accept", "Origin",
     "Last-Event-ID", "Accept-Language", "Cookie", "X-Forwarded-For", "Host"],
)  # fmt: skip
def test_no_header_of_the_request_becomes_one_of_the_answer(ada, name):
    for value in (CRLF, "\x00", "é\r\n", "evil=1" * 200):
        sent = {"Authorization": f"Bearer {ada.token}", name: value}
        answered = asked(ada.site, "/v1/organisations", headers=sent)
        assert answered.status_code < 500
        assert is_clean(answered)


@pytest.mark.parametrize("value", [CRLF, "%0d%0aSet-Cookie:%20evil=1", "x%0a%0devil", "%E5%98%8A"])
def test_nor_does_a_query_or_a_path(ada, value):
    encoded = value.replace("\r", "%0d").replace("\n", "%0a").replace(" ", "%20")
    for target in (
        f"/v1/deployments?cursor={encoded}",
        f"/v1/deployments/{encoded}",
        f"/v1/auth/sso/callback?code={encoded}&state={encoded}",
        f"/v1/auth/sso/start?organisation_name={encoded}",
        f"/{encoded}",
    ):
        answered = asked(ada.site, target)
        assert answered.status_code < 500 or answered.status_code == 503
        assert is_clean(answered)


@pytest.mark.parametrize(
    ("path", "field"),
    [("/v1/auth/register", "organisation"), ("/v1/auth/register", "email"),
     ("/v1/teams", "name"), ("/v1/api_keys", "name"), ("/v1/deployments", "client_reference"),
     ("/v1/webhook_endpoints", "url"), ("/v1/members/invitations", "email")],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", ["a\r\nBcc: b@evil.example", "a\nb", "a\rb", "a\u2028b", "a\x00"]
)
def test_no_name_has_a_line_end_in_it(ada, path, field, value):
    answered = ada.post(path, {field: value}, headers={"Idempotency-Key": "k"})
    assert answered.status_code == 400
    assert f"/{field}" in {each["pointer"] for each in answered.json()["errors"]}
    assert is_clean(answered)


def test_an_idempotency_key_is_printable(ada):
    for key in ("a\r\nb", "a\x00", "é", "\x7f"):
        answered = asked(
            ada.site,
            "/v1/deployments",
            "POST",
            {
                "Authorization": f"Bearer {ada.token}",
                "Idempotency-Key": key,
                "Content-Type": "application/json",
            },
        )
        assert answered.status_code == 400
        assert is_clean(answered)


def test_a_file_is_called_what_we_call_it(site, ada):
    ada.deploy("one")
    site.work_until_done()
    for path in ("/v1/credits/usage?format=csv", "/v1/credits/grants?format=csv"):
        said = ada.get(path).headers["Content-Disposition"]
        assert said.isascii()
        assert said.isprintable()
        assert ";" not in said.partition("filename=")[2]


def test_a_log_line_is_one_line(site, ada, capsys):
    asked(site, "/v1/x%0d%0alevel=critical%20msg=forged", headers={"User-Agent": "a\r\nforged"})
    assert "forged" not in capsys.readouterr().out
