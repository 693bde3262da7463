"""`tallystick-verify-log`: a whole log from files, and everything that may be wrong with one."""

import json
import random
import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallystick_verifier import log as whole
from tests.architecture.house import ROOT
from tests.verifier.packs import (
    KEY,
    ORGANISATION,
    ORIGIN,
    STRANGER,
    Log,
    b64,
    canonical,
    public,
    sha,
    signed,
)


def named(name, key):
    """As C2SP writes keys."""
    id = sha(name.encode(), b"\n\1", key)[:4]
    return f"{name}+{id.hex()}+{b64(bytes([1]) + key)}"


VERIFIER_KEY = named(ORIGIN, public(KEY))
ID = VERIFIER_KEY.split("+")[1]


def event(organisation, sequence, **changes):
    return {
        "action": "deployment.queued",
        "actor": {"id": None, "kind": "worker"},
        "api_version": "2026-11-01",
        "at": "2026-11-20T12:00:00.000000Z",
        "correlation_id": "dep_1",
        # Of what an event says, nothing is taken for what it is.
        "details": {"id": "evt_9", "live": True, "name": '"},"id":"größe\n', "sequence": 7},
        "id": f"evt_{organisation[-1]}{sequence}",
        "live": False,
        "organisation": organisation,
        "request_id": None,
        "schema": 1,
        "sequence": sequence,
        "subject": "dep_1",
    } | changes


def a_log(events=11):
    """Of two organisations, one event of the second after every two of the first."""
    log, numbers = Log(), {ORGANISATION: 0, STRANGER: 0}
    for index in range(events):
        organisation = STRANGER if index % 3 == 2 else ORGANISATION
        numbers[organisation] += 1
        log.append(event(organisation, numbers[organisation]))
    return log


def rows_of(log):
    return [
        {
            "body": json.loads(body),
            "leaf_hash": hash.hex(),
            "position": position,
            "salt": salt.hex(),
        }
        | {
            name: json.loads(body)[name]
            for name in ("action", "at", "id", "live", "organisation", "sequence", "subject")
        }
        for position, ((salt, body), hash) in enumerate(zip(log.entries, log.hashes, strict=True))
    ]


def line(row):
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


@pytest.fixture
def verify(tmp_path, capsys):
    """Status and answer for lines, in so many files."""

    def run(lines, note, files=1, key=VERIFIER_KEY):
        (tmp_path / "note").write_text(note)
        paths = [tmp_path / f"{number}.jsonl" for number in range(files)]
        for number, path in enumerate(paths):
            path.write_bytes(b"".join(lines[number::files]))
        arguments = [*paths, "--checkpoint", tmp_path / "note", "--key", key, "--json"]
        status = whole.main([str(each) for each in arguments])
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else said.err

    return run


def refusal(outcome):
    status, answer = outcome
    assert (status, answer["verdict"], answer["proved"]) == (1, "refused", [])
    return answer["refused"]["code"]


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("events", [0, 1, 2, 3, 4, 5, 11, 64, 65])
def test_every_event_of_a_log_in_any_order_of_lines_and_files(verify, events, files):
    log = a_log(events)
    lines = [line(row) for row in rows_of(log)]
    random.Random(events).shuffle(lines)
    status, answer = verify(lines, log.note(), files)
    assert (status, answer["refused"]) == (0, None)
    assert [each["code"] for each in answer["proved"]] == ["checkpoint", "key", "log", "numbers"]


def test_subtrees_that_are_computed_apart_are_one_tree(verify, monkeypatch):
    monkeypatch.setattr(whole, "_TOGETHER", 4)
    for events in range(1, 21):
        log = a_log(events)
        assert verify([line(row) for row in rows_of(log)], log.note())[0] == 0


def test_what_is_behind_the_checkpoint_is_not_proved(verify):
    log = a_log(11)
    status, answer = verify([line(row) for row in rows_of(log)], log.note(8))
    assert status == 0
    (beyond,) = [each["text"] for each in answer["not_proved"] if each["code"] == "beyond"]
    assert beyond.startswith("3 events of the files are behind the checkpoint")


@pytest.mark.parametrize("files", [1, 2])
def test_organisations_that_are_behind_the_checkpoint_only_are_counted_nowhere(verify, files):
    log = a_log()
    rows = rows_of(log)
    for number in range(40):
        # Nobody signed these: an organisation that never was, with gaps in its numbers.
        invented = Log()
        invented.append(event("org_" + "z" * 26, 900 + 2 * number))
        rows += [row | {"position": 10_000 + number} for row in rows_of(invented)]
    status, answer = verify([line(row) for row in rows], log.note(), files)
    texts = {each["code"]: each["text"] for each in (*answer["proved"], *answer["not_proved"])}
    assert status == 0
    assert "2 organisations" in texts["numbers"]
    assert texts["beyond"].startswith("40 events")


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("place", [0, 5, 10])
def test_an_event_that_is_missing_or_twice_is_seen(verify, place, files):
    log = a_log()
    lines = [line(row) for row in rows_of(log)]
    missing = [*lines[:place], *lines[place + 1 :]]
    assert refusal(verify(missing, log.note(), files)) == "events_missing"
    assert refusal(verify([*lines, lines[place]], log.note(), files)) == "position_repeated"
    # The last one's place, with nothing left to show it.
    assert refusal(verify(missing, log.note(), files)) == "events_missing"


@pytest.mark.parametrize("place", [0, 5, 10])
@pytest.mark.parametrize("is_hashed_again", [False, True])
def test_an_event_that_was_changed_is_seen(verify, place, is_hashed_again):
    log = a_log()
    rows = rows_of(log)
    salt, body = log.entries[place]
    rows[place]["body"]["details"]["name"] = "another"
    if is_hashed_again:
        changed = body.replace(rb'"\"},\"id\":\"gr' + "öße".encode() + rb'\n"', b'"another"')
        assert changed != body
        leaf = sha(b"\x00", b"tallystick.audit.v1\0", salt, changed)
        rows[place]["leaf_hash"] = leaf.hex()
    code = refusal(verify([line(row) for row in rows], log.note()))
    assert code == ("log_root" if is_hashed_again else "leaf_hash")


def test_events_that_were_exchanged_are_seen(verify):
    log = a_log()
    rows = rows_of(log)
    rows[3]["position"], rows[4]["position"] = 4, 3
    assert refusal(verify([line(row) for row in rows], log.note())) == "log_root"


@pytest.mark.parametrize(
    ("column", "lie"),
    [
        ("action", "deployment.failed"),
        ("at", "2026-11-20T12:00:00.000001Z"),
        ("id", "evt_8"),
        ("live", True),
        ("organisation", STRANGER),
        ("sequence", 2),
        ("subject", "dep_2"),
    ],
)
def test_a_column_that_says_something_else_than_its_body_is_seen(verify, column, lie):
    log = a_log()
    rows = rows_of(log)
    rows[0][column] = lie
    assert refusal(verify([line(row) for row in rows], log.note())) == "malformed_line"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda each: each[:-1],
        lambda each: each + b"\n",
        lambda each: b" " + each,
        lambda each: each.replace(b'"position":', b'"position":0'),
        lambda each: each.replace(b'"salt":"', b'"salt":"A'),
        lambda each: each.replace(b'"live":', b'"live":false,"live":'),
        lambda _: b"\xff\n",
        lambda _: b"{}\n",
    ],
)
def test_a_line_that_is_none_is_named(verify, spoilt):
    log = a_log()
    lines = [line(row) for row in rows_of(log)]
    lines[-1] = spoilt(lines[-1])
    status, answer = verify(lines, log.note())
    assert (status, answer["refused"]["code"]) == (1, "malformed_line")
    assert answer["refused"]["where"].startswith("0.jsonl, line 1")


def with_details(details):
    """A sealed event of these details, and its line; *details* are bytes."""
    log, body = Log(), event(ORGANISATION, 1, details={})
    log.append(canonical(body).replace(b'"details":{}', b'"details":' + details))
    (salt, raw), hash = log.entries[0], log.hashes[0]
    row = {"body": 0, "leaf_hash": hash.hex(), "position": 0, "salt": salt.hex()}
    names = ("action", "at", "id", "live", "organisation", "sequence", "subject")
    text = line(row | {name: body[name] for name in names})
    return [text.replace(b'"body":0', b'"body":' + raw)], log.note()


@pytest.mark.parametrize(
    "details",
    [
        # Another organisation and number, for whoever takes the first of two members.
        b'{},"organisation":"org_x","sequence":77,"zz":{}',
        b'{},"organisation":"org_x","sequence":77,"zz":{nonsense "}',
        b"{nonsense}",
        b'{"x":NaN}',
        b'{"x":1' + b"0" * 5000 + b"}",
        b'{"x":"\xff"}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_body_that_is_not_one_object_is_no_event(verify, details):
    assert verify(*with_details(b'{"x":[1]}'))[0] == 0
    assert refusal(verify(*with_details(details))) == "malformed_line"


def test_a_text_does_not_end_where_its_quote_is_escaped(verify):
    log = Log()
    log.append(event(ORGANISATION, 1, request_id='a"b'))
    assert refusal(verify([line(row) for row in rows_of(log)], log.note())) == "malformed_line"


def test_a_line_without_an_end_is_not_read_to_its_end(verify, tmp_path):
    log = a_log()
    lines = [line(row) for row in rows_of(log)]
    (tmp_path / "note").write_text(log.note())
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines))
    with (tmp_path / "sparse.jsonl").open("wb") as opened:
        opened.truncate(2**30)
    key = whole.note.named(VERIFIER_KEY)
    tracemalloc.start()
    try:
        report = whole.verify([tmp_path / "sparse.jsonl"], log.note(), *key)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.refused.code == "malformed_line"
    assert most < 50 * 2**20


def test_what_nobody_thought_of_ends_with_2(verify, monkeypatch):
    def fails(*_):
        raise MemoryError("too much")

    monkeypatch.setattr(whole, "_hold", fails)
    status, said = verify([], a_log().note())
    assert status == 2
    assert "MemoryError: too much" in said


@pytest.mark.parametrize("sequences", [(1, 3), (2, 1), (2, 3), (1, 1)])
def test_numbers_that_the_operator_has_sealed_with_a_gap_or_out_of_order_are_seen(
    verify, sequences
):
    log = Log()
    for sequence in sequences:
        log.append(event(ORGANISATION, sequence))
    lines = [line(row) for row in rows_of(log)]
    assert refusal(verify(lines, log.note())) == "numbers_differ"


def test_a_checkpoint_of_more_events_than_there_can_be_costs_nothing(verify):
    log = a_log()
    note = signed(f"{ORIGIN}\n{10**15}\n{b64(log.root())}\n", ORIGIN, KEY)
    tracemalloc.start()
    try:
        code = refusal(verify([line(row) for row in rows_of(log)], note))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == "events_missing"
    assert most < 10 * 2**20


def test_another_key_has_signed_nothing(verify):
    log = a_log()
    key = public(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    lines = [line(row) for row in rows_of(log)]
    assert refusal(verify(lines, log.note(), key=named(ORIGIN, key))) == "note_signature"


def test_a_key_is_of_the_log_that_it_is_named_for(verify):
    log = a_log()
    lines = [line(row) for row in rows_of(log)]
    outcome = verify(lines, log.note(), key=named(f"{ORIGIN}0", public(KEY)))
    # The key's id has the name in it.
    assert refusal(outcome) == "other_key"
    for wrong in (VERIFIER_KEY.replace(ID, "00000000"), "a" * 10_000):
        assert verify(lines, log.note(), key=wrong)[0] == 2


def test_a_key_is_what_the_service_shows_or_a_file_of_it(verify, tmp_path):
    log = a_log()
    lines = [line(row) for row in rows_of(log)]
    (tmp_path / "key").write_text(f"{VERIFIER_KEY}\n")
    assert verify(lines, log.note(), key=tmp_path / "key")[0] == 0
    for none in ("0" * 64, b64(public(KEY)), "", tmp_path):
        status, said = verify(lines, log.note(), key=none)
        assert status == 2
        assert "is no key" in said


def test_a_file_that_is_not_there_ends_with_2(capsys, tmp_path):
    (tmp_path / "note").write_text(a_log().note())
    names = [str(tmp_path / name) for name in ("no.jsonl", "nor.jsonl")]
    rest = ["--checkpoint", str(tmp_path / "note"), "--key", VERIFIER_KEY]
    assert whole.main([*names, *rest]) == 2
    assert "no.jsonl" in capsys.readouterr().err


def test_it_is_installed_under_the_name_that_the_page_has():
    script = 'tallystick-verify-log = "tallystick_verifier.log:main"'
    assert script in (ROOT / "verifier/pyproject.toml").read_text("utf-8")


def test_archives_of_the_house_are_a_whole_log(verify):
    """Months that came and went, with what archiving wrote of them."""
    from application.ports.storage.work import Scope
    from domain.retention import Month
    from tests.application.test_retention import lived
    from tests.retention_story import BEGIN
    from tests.retention_story import KEY as HOUSE
    from tests.retention_story import ORIGIN as LOG

    story = lived(3, hot_months=0)
    for index in range(3):
        story.archive(Month(Month.of(BEGIN).index + index))
    files = [
        content
        for name, content in sorted(story.files.kept.items())
        if "-audit_events-" in name and name.endswith(".jsonl")
    ]
    lines = b"".join(files).splitlines(keepends=True)
    with story.store.begin(Scope()) as work:
        signed = work.seals.latest(1)
    assert len(lines) == signed.checkpoint.size == len(story.leaves)
    key = named(LOG, public(HOUSE))
    status, answer = verify(lines, signed.note, files=4, key=key)
    assert (status, answer["refused"]) == (0, None)
