"""`tallystick operations end`: a person ends what has begun and cannot go on."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from application.operator.end import EndOperation
from domain.deployment import State
from domain.identifiers import Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.test_token_operations import stuck


@pytest.fixture
def arranged(monkeypatch):
    """A house with a mint whose second step cannot be done, and the command on it."""
    house, _, id = stuck()

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            end_operation=lambda: EndOperation(
                chains=house.chains,
                store=house.store,
                clock=house.clock,
                identifiers=house.identifiers,
            )
        )

    monkeypatch.setattr(setting_up, "container", container)

    def end(operation=None, *options):
        organisation = public_id(Prefix.ORGANISATION, house.registered.organisation.id)
        operation = operation or house.get(id).named
        arguments = ["operations", "end", organisation, operation, "--reason", "gone", *options]
        return CliRunner().invoke(main, arguments)

    return house, id, end


def test_it_is_ended_and_what_remains_is_told(arranged):
    house, id, end = arranged
    done = end()
    assert done.exit_code == 0, done.output
    ended = house.get(id)
    assert ended.state is State.FAILED
    for word in (ended.named, "Failed", "gone", str(ended.steps[0].inclusion.transaction_id)):
        assert word in done.output
    assert house.credits == (19, 0, 6)


def test_a_program_is_answered_in_json_and_told_why_not(arranged):
    house, id, end = arranged
    answered = json.loads(end(None, "--json").output)
    assert (answered["state"], answered["operation"]) == ("Failed", house.get(id).named)
    again = end(None, "--json")
    assert again.exit_code == 1
    assert json.loads(again.output)["code"] == "not_endable"


def test_what_is_not_there_is_not_ended(arranged):
    house, id, end = arranged
    unknown = public_id(Prefix.OPERATION, house.registered.organisation.id)
    done = end(unknown)
    assert done.exit_code == 1
    assert "not_found" in done.stderr
    assert house.get(id).state is State.PENDING
