"""The description is true, complete, and readable without a network."""

import json
import re
from pathlib import Path

import pytest

from adapters.evm.standards import kinds
from domain.token import Token
from entrypoints.http import app as http_app
from entrypoints.http import documentation
from entrypoints.http.error_codes import ERROR_CODES

STATIC = Path(documentation.__file__).parent / "static"


@pytest.fixture
def description(site):
    return site.client.get("/openapi.json").json()


def test_every_route_is_described_once(description):
    handlers = [handler for resource in http_app.RESOURCES for handler in resource.HANDLERS]
    described = [
        operation["operationId"]
        for item in description["paths"].values()
        for operation in item.values()
    ]
    assert len(described) == len(set(described)) == len(handlers)
    assert description["openapi"].startswith("3.1")


def test_names_are_snake_case_and_everything_has_words(description):
    for item in description["paths"].values():
        for operation in item.values():
            assert re.fullmatch(r"[a-z_]+", operation["operationId"])
            assert operation["summary"]


def test_every_reference_leads_somewhere(description):
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)))
    assert names <= set(description["components"]["schemas"])
    unused = set(description["components"]["schemas"]) - names
    assert not {
        name for name in unused if not name.startswith("Token_") and not name.endswith("Query")
    }


def test_every_error_is_a_problem_with_registered_codes(description):
    for item in description["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                if int(status) < 400:
                    continue
                assert list(answer["content"]) == ["application/problem+json"]
                assert set(answer["description"].split(", ")) <= set(ERROR_CODES)


def test_what_spends_says_that_it_needs_a_key(description):
    needing = {
        path
        for path, item in description["paths"].items()
        for operation in item.values()
        if any(
            parameter["name"] == "Idempotency-Key" and parameter["required"]
            for parameter in operation["parameters"]
        )
    }
    assert needing == {
        "/v1/deployments",
        "/v1/deployments/{id}/retry",
        "/v1/tokens/{id}/operations",
        "/v1/operations/{id}/retry",
        "/v1/usage/holds",
        "/v1/billing/checkout",
        "/v1/teams",
        "/v1/credits/gifts",
        "/v1/accounts/{id}/key_changes",
        "/v1/audit/exports",
        "/v1/webhook_endpoints",
        "/v1/webhook_endpoints/{id}/rotate",
        "/v1/webhook_endpoints/{id}/test",
        "/v1/webhook_endpoints/{id}/replay",
        "/v1/webhook_endpoints/{id}/deliveries/{delivery}/resend",
    }


def test_every_field_of_a_request_is_refused_where_it_is_not_described(description):
    for name, schema in description["components"]["schemas"].items():
        if name.startswith(
            (
                "PlanRequest_",
                "DeploymentRequest_",
                "OperationRequest",
                "ApiKeyRequest",
                "Registration",
            )
        ):
            assert schema["additionalProperties"] is False
            assert set(schema["required"]) <= set(schema["properties"])


def test_no_object_is_without_a_name(description):
    """Programs that write clients name types after components."""
    for name, schema in description["components"]["schemas"].items():
        if not name.startswith("Token_"):
            parts = [schema, *schema.get("allOf", [])]
            assert [each for part in parts for each in objects_within(part)] == [], name
    for item in description["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    assert set(content["schema"]) == {"$ref"} or content["schema"] == {
                        "type": "string"
                    }


def objects_within(schema):
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    for each in [*inner, *([schema["items"]] if "items" in schema else [])]:
        if "properties" in each:
            yield each
        yield from objects_within(each)


def test_unions_say_by_which_field_they_are_told_apart(description):
    schemas = description["components"]["schemas"]
    unions = {name: schema for name, schema in schemas.items() if "oneOf" in schema}
    assert {"PlanRequest", "DeploymentRequest", "GiftOrQuota"} <= set(unions)
    for name, union in unions.items():
        field, mapping = (union["discriminator"][each] for each in ("propertyName", "mapping"))
        assert [each["$ref"] for each in union["oneOf"]] == list(mapping.values()), name
        for value, where in mapping.items():
            variant = schemas[where.rpartition("/")[2]]
            of_field = variant["properties"][field]
            assert of_field.get("enum", [of_field.get("const")]) == [value]
            assert field in variant["required"]


def test_what_is_listed_in_answers_may_grow(description):
    """A client must live with a value that it does not know."""
    schemas = description["components"]["schemas"]
    reached = set()

    def closed(schema, at):
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in reached:
            reached.add(name)
            yield from closed(schemas[name], name)
        if "enum" in schema:
            yield at
        inner = [*schema.get("properties", {}).values()]
        inner += [schema["items"]] if "items" in schema else []
        for each in (*inner, *schema.get("anyOf", []), *schema.get("allOf", [])):
            yield from closed(each, at)

    for item in description["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    assert not list(closed(content["schema"], operation["operationId"]))
    assert len(reached) > 80


def test_the_examples_of_the_description_work(site, description):
    schemas = description["components"]["schemas"]
    registered = site.call("POST", "/v1/auth/register", json=schemas["Registration"]["example"])
    assert registered.status_code == 201
    headers = {"Authorization": f"Bearer {registered.json()['tokens']['access_token']}"}
    key = site.call(
        "POST", "/v1/api_keys", json=schemas["ApiKeyRequest"]["example"], headers=headers
    )
    assert key.status_code == 201


def test_the_example_of_a_deployment_is_a_token(description):
    example = description["components"]["schemas"]["DeploymentRequest"]["example"]
    assert isinstance(kinds()[example["kind"]].token(example["token"]), Token)


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_the_page_needs_nothing_from_elsewhere(file):
    text = file.read_text()
    assert not re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text)
    assert "@import" not in text


@pytest.mark.parametrize(
    "path",
    ["/docs", "/docs/docs.js", "/docs/docs.css", "/docs/verify", "/docs/verify.js", "/errors"],
)
def test_the_page_is_served_with_a_policy_that_keeps_it_so(site, path):
    answered = site.client.get(path)
    assert answered.status_code == 200
    policy = answered.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", ["docs.html", "verify.html"])
def test_the_page_has_no_inline_script_or_style(name):
    text = (STATIC / name).read_text()
    assert not re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|style=", text)
