"""What a proof says, and that one which was interrupted goes on."""

import json

import pytest

from tests import carried, prove

TESTS = """
import os
import pytest


def test_good(record_property):
    record_property("histories", 12)


@pytest.mark.parametrize("each", [1, 2])
def test_each(each):
    pass


def test_moody():
    assert os.path.exists(os.environ["MOOD"])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A tree of four tests, of which one fails until there is a file."""
    tests = tmp_path / "tests" / "some"
    tests.mkdir(parents=True)
    (tests / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:schemathesis\n")
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(prove.PROOFS.parents[1]))
    monkeypatch.setenv("MOOD", str(tmp_path / "mood"))
    return tmp_path


def sit(place, *arguments):
    record = place / "record.jsonl"
    prove.cut(record)
    before = len(prove.read(record))
    status = prove.sit(record, list(arguments))
    told = prove.read(record)
    return status, sorted(each["test"].partition("::")[2] for each in told[before:]), told


def test_what_has_passed_is_not_run_again_and_what_failed_is(place):
    status, ran, _ = sit(place)
    assert (status, ran) == (
        prove.FAILED, ["test_each[1]", "test_each[2]", "test_good", "test_moody"],
    )  # fmt: skip
    (place / "mood").touch()
    status, ran, told = sit(place)
    assert (status, ran) == (prove.DONE, ["test_moody"])
    proof = prove.summed_up(told)
    assert (proof["tests"], proof["failed"], proof["skipped"]) == (4, 0, 0)
    assert proof["failed_before"] == ["tests/some/test_some.py::test_moody"]
    assert proof["recorded"] == {"tests/some/test_some.py::test_good": {"histories": "12"}}


def test_each_part_is_written_down_with_its_own_commit(place):
    (place / "tests" / "test_beside.py").write_text("def test_beside():\n    pass\n")
    parts = prove.parts_of(place)
    assert parts == {"some": ["tests/some"], "commands": ["tests/test_beside.py"]}
    record, file = place / "record.jsonl", place / "proofs" / "full-counts.json"
    prove.cut(record)
    assert prove.prove(record, "first", "commands", parts["commands"], file) == prove.DONE
    assert prove.prove(record, "second", "some", parts["some"], file) == prove.FAILED
    told = json.loads(file.read_text())
    assert {name: part["commit"] for name, part in told["parts"].items()} == {
        "commands": "first", "some": "second",
    }  # fmt: skip
    assert (told["tests"], told["failed"], told["commits"]) == (5, 1, ["first", "second"])
    (place / "mood").touch()
    assert prove.prove(record, "second", "some", parts["some"], file) == prove.DONE
    told = json.loads(file.read_text())
    assert (told["tests"], told["failed"]) == (5, 0)
    assert told["parts"]["some"]["failed_before"] == ["tests/some/test_some.py::test_moody"]


def test_a_part_that_cannot_be_collected_is_not_written_down(place):
    (place / "tests" / "some" / "test_broken.py").write_text("import nothing_at_all\n")
    record, file = place / "record.jsonl", place / "full-counts.json"
    prove.cut(record)
    with pytest.raises(SystemExit):
        prove.prove(record, "first", "some", ["tests/some"], file)
    assert not file.exists()


def test_whoever_ends_the_process_has_failed(place):
    file = place / "tests" / "some" / "test_deadly.py"
    file.write_text("import os\n\ndef test_dies():\n    os._exit(3)\n")
    status, ran, told = sit(place, "-k", "dies")
    assert (status, ran) == (prove.FAILED, ["test_dies"])
    assert [each["outcome"] for each in told] == ["failed"]


def test_a_part_is_run_first_and_the_rest_later(place):
    (place / "mood").touch()
    assert sit(place, "-k", "each")[1] == ["test_each[1]", "test_each[2]"]
    assert sit(place)[1] == ["test_good", "test_moody"]
    assert sit(place)[0] == prove.NONE_LEFT


def test_whoever_was_killed_while_writing_has_said_nothing(tmp_path):
    record = tmp_path / "record.jsonl"
    whole = json.dumps({"test": "tests/a.py::b", "outcome": "passed"})
    record.write_text(f"{whole}\n{whole[:20]}")
    prove.cut(record)
    assert prove.read(record) == [json.loads(whole)]


def test_what_fails_at_last_is_failed_though_it_passed_before():
    told = [
        {"test": "tests/a.py::b", "outcome": outcome, "seconds": 1.0, "says": {}}
        for outcome in ("passed", "failed")
    ]
    proof = prove.summed_up(told)
    assert (proof["failed"], proof["failed_before"]) == (1, [])


def test_what_imports_a_changed_file_is_run_again_and_the_rest_is_taken_over():
    files = carried.affected(prove.ROOT, ["tests/contract/ledger_model.py"])
    assert "tests/contract/test_ledger_machine.py" in files
    assert not any(each.startswith(("tests/verifier/", "tests/algod/")) for each in files)


@pytest.mark.parametrize(
    "changed",
    [
        ["domain/ledger/decide.py"],
        ["tests/contract/ledger_model.py", "requirements.lock"],
        ["tests/conftest.py"],
        ["tests/seen_codes.py"],
        ["tests/verifier/golden.json"],
    ],
)
def test_nothing_is_taken_over_where_there_is_no_telling(changed):
    assert carried.affected(prove.ROOT, changed) is None


def test_of_what_has_to_do_with_the_change_only_failures_are_kept():
    def told(test, outcome):
        return {"test": test, "outcome": outcome, "seconds": 1.0, "says": {}}

    before = [
        {"begun": "then"},
        told("tests/a.py::one", "passed"),
        told("tests/b.py::two", "failed"),
        told("tests/b.py::three", "passed"),
        told("tests/c.py::four", "failed"),
        told("tests/c.py::four", "passed"),
    ]
    lines = carried.taken_over(before, {"tests/b.py"}, "abc", ["tests/b.py"])
    assert lines[:2] == [
        {"begun": "then"},
        {"taken_over_from": "abc", "tests": 2, "changed_since": ["tests/b.py"]},
    ]
    proof = prove.summed_up([*lines, told("tests/b.py::two", "passed")])
    assert proof["failed_before"] == ["tests/b.py::two", "tests/c.py::four"]
    assert (proof["tests"], proof["failed"]) == (3, 0)
    assert proof["sittings"] == lines[:2]
