"""Bad input: every fault at once, each with its place, its code and what to do; and no effect."""

import json

import pytest

PLAN, CREATE = "/v1/deployments/plan", "/v1/deployments"


def faults(answered):
    """What is wrong, by pointer."""
    assert answered.status_code == 400, answered.text
    assert answered.json()["code"] == "validation_failed"
    return {fault["pointer"]: fault["code"] for fault in answered.json()["errors"]}


def raw(person, content, path=CREATE, **headers):
    known = {"Idempotency-Key": "raw", "Content-Type": "application/json"}
    return person.call("POST", path, content=content, headers=known | headers)


def text_of(site, **changes):
    return json.dumps(site.body() | changes)


def nothing_happened(person):
    assert person.get("/v1/deployments").json()["data"] == []
    assert person.balance == (25, 0)
    assert len(person.get("/v1/credits/journal").json()["data"]) == 1


@pytest.mark.parametrize("path", [PLAN, CREATE])
def test_every_fault_of_a_deployment_is_listed_at_once(ada, path):
    body = {
        "kind": "memory_token",
        "network": "memory:1",
        "token": {
            "name": "Gold\u0000",
            "symbol": 7,
            "decimals": 256,
            "supply": str(2**256),
            "colour": "red",
        },
        "account": "acct_1",
        "custodian": "mem\nory",
        "payer": "self",
        "client_reference": "x" * 101,
        "metadata": {"k" * 41: "v", "long": "v" * 501, "number": 1},
        "declared_value": {"amount": "1.001", "currency": "EUR"},
        "surprise/~": True,
    }
    answered = ada.post(path, body, headers={"Idempotency-Key": "k"})
    assert faults(answered) == {
        "/token/name": "control_character",
        "/token/symbol": "wrong_type",
        "/token/decimals": "out_of_range",
        "/token/supply": "out_of_range",
        "/token/colour": "unknown_field",
        "/account": "invalid_id",
        "/custodian": "conflicting_fields",
        "/payer": "not_offered",
        "/client_reference": "too_long",
        f"/metadata/{'k' * 41}": "too_long",
        "/metadata/long": "too_long",
        "/metadata/number": "wrong_type",
        "/declared_value/amount": "not_money",
        "/surprise~1~0": "unknown_field",
    }
    codes = [(f["pointer"], f["code"]) for f in answered.json()["errors"]]
    assert ("/custodian", "control_character") in codes
    nothing_happened(ada)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"network": "eip155:1"}, {"/network": "unknown_network"}),
        ({"network": 1}, {"/network": "wrong_type"}),
        ({"kind": "erc721"}, {"/kind": "unknown_kind"}),
        ({"kind": ""}, {"/kind": "too_short"}),
        ({"kind": None, "network": "x:y"}, {"/kind": "wrong_type", "/network": "unknown_network"}),
        ({"token": []}, {"/token": "wrong_type"}),
        ({"account": True}, {"/account": "wrong_type"}),
        ({"account": "dep_00000000000000000000000000"}, {"/account": "invalid_id"}),
        ({"deployment_id": "dep_x"}, {"/deployment_id": "invalid_id"}),
        ({"plan_hash": "AB" * 32}, {"/plan_hash": "invalid_hash"}),
        ({"plan_hash": "ab" * 31}, {"/plan_hash": "invalid_hash"}),
        ({"payer": 1}, {"/payer": "wrong_type"}),
        ({"payer": "nobody"}, {"/payer": "not_offered"}),
        ({"client_reference": "é"}, {"/client_reference": "not_printable_ascii"}),
        ({"client_reference": ""}, {"/client_reference": "too_short"}),
        ({"metadata": {str(n): "" for n in range(21)}}, {"/metadata": "too_many"}),
        ({"metadata": {"": "x"}}, {"/metadata/": "too_short"}),
        ({"metadata": {"a": "\u202e"}}, {"/metadata/a": "control_character"}),
        ({"metadata": ["x"]}, {"/metadata": "wrong_type"}),
        ({"custodian": "x", "account": None}, {"/custodian": "conflicting_fields"}),
    ],
)
def test_a_faulty_field_is_named(ada, changes, expected):
    assert faults(ada.create(**changes)).items() >= expected.items()
    nothing_happened(ada)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("decimals", True, "wrong_type"),
        ("decimals", 2.0, "wrong_type"),
        ("decimals", 10.9, "wrong_type"),
        ("decimals", "2", "wrong_type"),
        ("decimals", -1, "out_of_range"),
        ("decimals", 10**300, "out_of_range"),
        ("supply", 1000, "wrong_type"),
    ],
)
def test_values_of_a_token_are_exactly_of_their_type(site, ada, field, value, code):
    answered = ada.create(token=site.body()["token"] | {field: value})
    assert faults(answered) == {f"/token/{field}": code}


def test_missing_fields_are_all_named(ada):
    assert faults(ada.create_raw({})) == {
        "/kind": "missing",
        "/network": "missing",
        "/token": "missing",
    }
    assert set(faults(raw(ada, b""))) == {"/kind", "/network", "/token"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "malformed_json"),
        (b"\xff\xfe{}", "malformed_json"),
        (b'{"kind": NaN}', "malformed_json"),
        (b'{"kind": -Infinity}', "malformed_json"),
        (b'{"kind": 1' + b"0" * 5000 + b"}", "malformed_json"),
        (b"[" * 20_000, "malformed_json"),
        (b"null", "body_not_an_object"),
        (b"[]", "body_not_an_object"),
        (b'"kind"', "body_not_an_object"),
    ],
)
def test_what_is_no_json_object_is_refused(ada, content, code):
    answered = raw(ada, content)
    assert (answered.status_code, answered.json()["code"]) == (400, code)
    nothing_happened(ada)


def test_a_field_that_is_there_twice_is_refused(site, ada):
    twice = text_of(site)[:-1] + ', "kind": "memory_token"}'
    assert faults(raw(ada, twice)) == {"/kind": "duplicate_field"}
    inside = text_of(site).replace('"decimals"', '"name": "Other", "decimals"')
    assert faults(raw(ada, inside)) == {"/token/name": "duplicate_field"}


def test_broken_unicode_is_named_and_not_repeated(site, ada):
    broken = text_of(site)[:-1] + ', "\\ud800": "\\udfff", "metadata": {"a": "\\ud800"}}'
    answered = raw(ada, broken)
    assert "control_character" in faults(answered).values()
    answered.content.decode("utf-8")


def test_a_body_is_not_nested_without_end(site, ada):
    deep = text_of(site)[:-1] + ', "metadata": ' + "[" * 50 + "]" * 50 + "}"
    assert "too_deep" in faults(raw(ada, deep)).values()


def test_the_faults_of_a_hostile_body_are_few_enough_to_answer(ada):
    answered = ada.create_raw({f"field {n}": n for n in range(3000)})
    assert len(faults(answered)) == 100


def test_a_body_must_be_declared_as_json(ada):
    answered = raw(ada, b"{}", **{"Content-Type": "text/plain"})
    assert (answered.status_code, answered.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_has_a_limit(ada):
    answered = raw(ada, b" " * (64 * 1024 + 1))
    assert (answered.status_code, answered.json()["code"]) == (413, "body_too_large")


def test_a_body_without_a_length_has_the_same_limit(ada):
    chunks = (b" " * 1024 for _ in range(65))
    answered = raw(ada, chunks)
    assert (answered.status_code, answered.json()["code"]) == (413, "body_too_large")


def test_requests_without_fields_take_none(ada):
    deployment = ada.deploy()
    answered = ada.post(f"/v1/deployments/{deployment['id']}/cancel", {"reason": "x"})
    assert faults(answered) == {"/reason": "unknown_field"}


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("limit=0", "/limit", "out_of_range"),
        ("limit=101", "/limit", "out_of_range"),
        ("limit=ten", "/limit", "out_of_range"),
        ("limit=1&limit=2", "/limit", "duplicate_field"),
        ("state=Done", "/state", "not_offered"),
        ("live=yes", "/live", "wrong_type"),
        ("cursor=%00", "/cursor", "control_character"),
        ("cursor=AAAA", "/cursor", "invalid_cursor"),
        ("colour=red", "/colour", "unknown_field"),
    ],
)
def test_a_faulty_query_is_named(ada, query, pointer, code):
    assert faults(ada.get(f"/v1/deployments?{query}")) == {pointer: code}


def test_every_fault_of_a_registration_is_listed_at_once(site):
    answered = site.call(
        "POST",
        "/v1/auth/register",
        json={"email": "nobody", "password": "short", "organisation": "a\tb", "role": "owner"},
    )
    assert faults(answered) == {
        "/email": "invalid_email",
        "/password": "weak_password",
        "/organisation": "control_character",
        "/role": "unknown_field",
    }


def test_a_registration_of_the_wrong_types_is_named_too(site):
    answered = site.call("POST", "/v1/auth/register", json={"email": 1, "password": None})
    assert faults(answered) == {
        "/email": "wrong_type",
        "/password": "wrong_type",
        "/organisation": "missing",
    }


def test_a_password_of_broken_unicode_is_refused(site):
    content = b'{"email": "ada@example.org", "password": "\\ud800aaaaaaaaaaaaa"}'
    answered = site.call(
        "POST", "/v1/auth/login", content=content, headers={"Content-Type": "application/json"}
    )
    assert faults(answered) == {"/password": "control_character"}
