"""Every example of the description is sent to its operation, as it stands."""

import json
from pathlib import Path

import pytest

DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]
#: Their network is none of the tests': the token is held against its kind in tests/http.
ELSEWHERE = {"plan_deployment", "create_deployment", "adopt_address"}
#: What the example names is not set up in the tests' installation, and said to be so.
NOT_SET_UP = {"choose_custodian": "custodian_not_offered"}
#: Whose password or address the example has is nobody of the tests: somebody is put there.
OF_SOMEBODY = {"log_in", "ask_for_password", "create_operation"}


def examples():
    for path, item in DESCRIPTION["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            for described in content.values():
                schema = SCHEMAS[described["schema"]["$ref"].rpartition("/")[2]]
                if "example" in schema:
                    yield pytest.param(
                        method, path, operation["operationId"], schema, id=operation["operationId"]
                    )


@pytest.mark.parametrize(("method", "path", "operation", "schema"), list(examples()))
def test_an_example_works(world, method, path, operation, schema):
    supply = world.supply(operation)
    for name, value in supply.path.items():
        path = path.replace(f"{{{name}}}", value)
    example = schema["example"]
    needed = {
        name: value
        for name, value in (supply.body or {}).items()
        if name in schema.get("required", ()) and name not in example
    }
    if operation in OF_SOMEBODY:
        needed = dict(supply.body)
    person = world.awake(supply.by or world.owner)
    headers = {"Idempotency-Key": f"example of {operation}"}
    answered = person.call(method.upper(), path, json=example | needed, headers=headers)
    if operation in ELSEWHERE:
        faults = {each["pointer"]: each["code"] for each in answered.json()["errors"]}
        assert faults == {"/network": "unknown_network"}
    elif operation in NOT_SET_UP:
        assert answered.json()["code"] == NOT_SET_UP[operation]
    else:
        assert answered.status_code < 300, answered.text


def test_most_requests_have_an_example():
    shown = [param.values[2] for param in examples()]
    assert len(shown) >= 20, shown
