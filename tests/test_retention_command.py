"""`tallystick audit archive`, `months`, `certificate` and `hold`, as an operator runs them."""

import json
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from application.ports.files import FilesUnavailableError
from application.ports.storage.work import Scope
from application.retention.archived import ProveArchived
from domain.identifiers import INSTALLATION, Prefix, public_id
from domain.retention import Month
from entrypoints.commands import setting_up
from entrypoints.export_settings import RetentionSettings
from entrypoints.main import main
from tests.application.test_retention import FIRST, a_story, come_late, events_of


@pytest.fixture
def story(monkeypatch):
    story = a_story()
    settings = SimpleNamespace(retention=RetentionSettings())

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            settings=lambda: settings,
            store=lambda: story.store,
            clock=lambda: story.clock,
            archive_month=lambda: story.archive,
            drop_month=lambda: story.drop,
            delete_archive=lambda: story.delete,
            put_back=lambda: story.put_back,
            place_hold=lambda: story.place,
            lift_hold=lambda: story.lift,
            prove_archived=lambda: ProveArchived(store=story.store, files=story.archive.files),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return story


def run(*arguments):
    done = CliRunner().invoke(main, ["audit", *arguments])
    assert "Traceback" not in done.output
    return done


def told(*arguments):
    done = run(*arguments, "--json")
    return done.exit_code, json.loads(done.stdout)


def lived(story, months):
    for _ in range(months):
        story.live()
        story.seal()
        story.next_month()


def outcomes(*options):
    status, content = told("archive", *options)
    return status, {row["month"]: row["state"] or row["refusal"] for row in content["months"]}


def test_months_are_archived_then_dropped_once_that_is_sealed(story):
    lived(story, 15)
    assert outcomes("--drop") == (0, {"2019-01": "archived", "2019-02": "archived"})
    # Nothing was sealed since: the next month waits behind the first.
    assert outcomes("--drop") == (0, {"2019-01": "not_sealed"})
    story.seal()
    assert outcomes() == (0, {})
    assert outcomes("--drop") == (0, {"2019-01": "dropped", "2019-02": "dropped"})
    assert outcomes("--drop", "--delete") == (0, {})
    _, shown = told("months")
    states = {row["month"]: row["state"] for row in shown["months"]}
    assert list(states.items())[:3] == [
        ("2019-01", "dropped"),
        ("2019-02", "dropped"),
        ("2019-03", "hot"),
    ]
    assert "2019-01  dropped" in run("months").stdout


def test_a_held_month_is_named_and_is_no_failure(story):
    lived(story, 15)
    outcomes()
    story.seal()
    status, held = told("hold", "place", "all", "--reason", "a court", "--until", "2019-01-20")
    assert status == 0
    assert outcomes("--drop") == (0, {"2019-01": "legal_hold"})
    assert held["hold"] in run("archive", "--drop").stdout
    assert held["hold"] in run("months").stdout.splitlines()[0]
    assert told("hold", "lift", "all", held["hold"], "--reason", "over")[0] == 0
    assert outcomes("--drop")[1]["2019-01"] == "dropped"
    _, listed = told("hold", "list", "all")
    (only,) = listed["holds"]
    assert (only["reason"], only["lifted_because"]) == ("a court", "over")
    assert "a court" in run("hold", "list", "all").stdout
    actions = [event.action for event in events_of(story, INSTALLATION)]
    assert "legal_hold.placed" in actions
    assert "legal_hold.lifted" in actions


def test_a_late_event_stops_nothing(story):
    lived(story, 16)
    assert outcomes()[1] == dict.fromkeys(["2019-01", "2019-02", "2019-03"], "archived")
    story.seal()
    come_late(story, FIRST)
    # Made anew, which is not sealed yet, and the others wait behind it for a day.
    assert outcomes("--drop") == (0, {"2019-01": "archived"})
    story.seal()
    assert outcomes("--drop")[1] == dict.fromkeys(["2019-01", "2019-02", "2019-03"], "dropped")


def test_a_month_that_cannot_be_archived_is_a_failure(story):
    lived(story, 15)
    rows = story.store._audit.events.rows
    from attrs import evolve

    place = next(place for place, event in rows.items() if Month.of(event.at) == FIRST)
    rows[place] = evolve(rows[place], salt=b"x" * 16)
    status, found = outcomes()
    assert (status, found["2019-01"]) == (1, "differs_from_the_log")
    assert "REFUSED" in run("archive").stdout


def test_after_seven_years_there_is_a_certificate(story):
    lived(story, 15)
    outcomes()
    story.seal()
    outcomes("--drop")
    assert run("certificate", "2019-01").exit_code == 1
    while not FIRST.is_over_for(84, story.clock.now()):
        story.next_month()
    assert outcomes("--drop")[1].get("2019-01") is None
    assert outcomes("--delete")[1]["2019-01"] == "deleted"
    shown = run("certificate", "2019-01")
    assert shown.stdout.startswith("format: tallystick.deletion/1\n")
    assert told("certificate", "2019-01")[1]["certificate"] == shown.stdout
    assert run("certificate", "nonsense").exit_code == 1


def test_files_that_do_not_answer_end_it_with_a_sentence(story):
    lived(story, 15)
    story.files.failure = FilesUnavailableError("no space left")
    done = run("archive")
    assert done.exit_code == 1
    assert "run it again: no space left" in done.stderr


def test_holds_are_on_somebody_and_for_a_reason(story):
    organisation = public_id(Prefix.ORGANISATION, story.organisations[0])
    stranger = public_id(Prefix.ORGANISATION, story.identifiers.next())
    assert told("hold", "place", stranger, "--reason", "x")[1]["code"] == "not_found"
    assert told("hold", "place", organisation, "--reason", " ")[1]["code"] == "reason_missing"
    assert run("hold", "place", organisation).exit_code == 2
    assert run("hold", "lift", organisation, "dep_1", "--reason", "x").exit_code == 2
    subject = public_id(Prefix.DEPLOYMENT, story.identifiers.next())
    _, held = told("hold", "place", organisation, "--subject", subject, "--reason", "x")
    assert (held["organisation"], held["subject"]) == (organisation, subject)
    wrong = told("hold", "place", organisation, "--subject", "ada@example.com", "--reason", "x")
    assert (wrong[0], wrong[1]["code"]) == (1, "malformed_subject")
    assert told("hold", "lift", organisation, held["hold"], "--reason", " ")[0] == 1


@pytest.mark.parametrize("prefix", [Prefix.USER, Prefix.MEMBER])
def test_a_hold_on_nobody_says_so(story, prefix):
    organisation = public_id(Prefix.ORGANISATION, story.organisations[0])
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        (member,) = work.members.all()
    known = public_id(prefix, member.user if prefix is Prefix.USER else member.id)
    strange = public_id(prefix, story.identifiers.next())
    for subject, said in ((known, False), (strange, True)):
        done = run("hold", "place", organisation, "--subject", subject, "--reason", "x")
        assert done.exit_code == 0
        assert ("is nobody who is or was in" in done.stderr) is said
    asked = ("hold", "place", organisation, "--subject", strange, "--reason", "x")
    assert told(*asked)[1]["is_of_nobody"] is True


def test_a_certificate_that_is_missing_in_the_folder_is_laid_there(story):
    lived(story, 15)
    outcomes()
    story.seal()
    outcomes("--drop")
    story.seal()
    story.clock.advance(timedelta(days=85 * 31))
    outcomes("--delete")
    (name,) = [name for name in story.files.kept if name.startswith("certificates/2019-01")]
    del story.files.kept[name]
    assert outcomes("--delete")[0] == 0
    assert name in story.files.kept


def test_an_event_that_was_dropped_is_proved_from_a_copy_of_its_archive(story, tmp_path):
    lived(story, 15)
    outcomes()
    story.seal()
    of = story.organisations[0]
    id = public_id(Prefix.EVENT, events_of(story, of)[1].id)
    outcomes("--drop")
    story.seal()
    organisation = public_id(Prefix.ORGANISATION, of)
    proof = run("prove", organisation, id)
    assert (proof.exit_code, proof.stdout[:23]) == (0, "c2sp.org/tlog-proof@v1\n")
    content = next(
        content
        for name, content in story.files.kept.items()
        if name.startswith("2019-01/") and name.endswith("audit_events-00001.jsonl")
    )
    copy = tmp_path / "copy.jsonl"
    refused = {
        "event_archived_elsewhere": (b"", "not_found"),
        "edited": (content.replace(b'"dep_1"', b'"dep_9"'), "evidence_damaged"),
        "a float": (content.replace(b'"dep_1"', b"1.5"), "archive_unreadable"),
        "deep": (b'{"body":' + b"[" * 5_000 + b"\n", "archive_unreadable"),
    }
    copy.write_bytes(content)
    assert run("prove", organisation, id, "--archive", str(copy)).stdout == proof.stdout
    for written, code in refused.values():
        copy.write_bytes(written)
        done = run("prove", organisation, id, "--archive", str(copy))
        assert isinstance(done.exception, SystemExit), done.exception
        assert (done.exit_code, code in done.output) == (1, True), done.output
    strange = tmp_path / "copy.txt"
    strange.write_bytes(content)
    done = run("prove", organisation, id, "--archive", str(strange))
    assert (done.exit_code, "archive_unreadable" in done.output) == (1, True)
