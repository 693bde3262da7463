"""schemathesis asks every operation for everything, in every role: nobody is answered what is not
described.

The operations are told apart by theme: parts of a run are spread, and ``-k people`` runs some.
"""

import json
from pathlib import Path

import pytest

from entrypoints.http.error_codes import ERROR_CODES
from tests.openapi.fuzzing import EXAMPLES, Fuzzer
from tests.openapi.lives import LIVES, live
from tests.openapi.refusals import ANYWHERE, MAY_REFUSE, WHY

DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
OPERATIONS = {
    operation["operationId"]: (method, operation)
    for item in DESCRIPTION["paths"].values()
    for method, operation in item.items()
}
#: By theme, the tags of its operations; parts of a theme take turns.
THEMES = {
    "people": ("auth", "members", "people", "api_keys"),
    "deployments": ("deployments", "operations"),
    "company": ("organisations", "accounts", "networks", "health", "documents"),
    "tokens": ("tokens", "audit"),
    "money": ("billing", "credits", "usage"),
    "telling": ("webhooks",),
}
PARTS = {"people": 4, "deployments": 2, "company": 2, "tokens": 2, "money": 2, "telling": 1}
#: Of the requests of a part that post, those that are accepted.
LEAST_ACCEPTED = 0.3


def operations_of(theme):
    return [
        id for id, (_, operation) in OPERATIONS.items() if operation["tags"][0] in THEMES[theme]
    ]


def parts():
    for theme, number in PARTS.items():
        for part in range(number):
            of = operations_of(theme)[part::number]
            yield pytest.param(of, id=f"{theme} {part + 1}" if number > 1 else theme)


@pytest.mark.parametrize("operations", list(parts()))
def test_no_request_is_answered_what_is_not_described(world, record_property, operations):
    fuzzer = Fuzzer(world)
    tallies = {id: fuzzer.try_out(id) for id in operations}
    posts = [tallies[id] for id in operations if OPERATIONS[id][0] == "post"]
    sent, accepted = sum(each.sent for each in posts), sum(each.accepted for each in posts)
    record_property("posts accepted", f"{accepted} of {sent}")
    report = "\n\n".join(fuzzer.failures.values())
    assert not fuzzer.failures, f"{len(fuzzer.failures)} kinds of failures:\n{report}"
    never = [id for id, tally in tallies.items() if not tally.accepted]
    assert not never, f"never accepted: {never}"
    assert accepted >= LEAST_ACCEPTED * sent, f"{accepted} of {sent} posts accepted"
    assert all(tally.sent >= EXAMPLES for tally in tallies.values())


def test_every_operation_is_in_one_part():
    asked = [id for part in parts() for id in part.values[0]]
    assert sorted(asked) == sorted(OPERATIONS)


def test_what_well_formed_requests_are_refused_for_is_described():
    for id, codes in MAY_REFUSE.items():
        _, operation = OPERATIONS[id]
        described = {
            code
            for answer in operation["responses"].values()
            for code in answer["description"].split(", ")
        }
        faults = codes - described
        assert not faults or "validation_failed" in described, (id, faults)
        assert faults <= set(ERROR_CODES), (id, faults)
    assert ANYWHERE.union(*MAY_REFUSE.values()) == set(WHY)


@pytest.mark.parametrize("about", LIVES)
def test_what_is_made_is_there_until_it_is_taken_away(world, record_property, about):
    seen = live(Fuzzer(world).schema, world, about)
    record_property("requests of lives", sum(seen.values()))
    reached = {id for id, status in seen if status < 400}
    assert LIVES[about][0] in reached, seen
