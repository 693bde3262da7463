"""`tallystick audit`: a trail that was taken away, and whether it is whole."""

import json
import shutil
from base64 import b64encode
from contextlib import contextmanager
from hashlib import sha256
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner

from adapters.folder import connect
from application.exports.request import RequestExport
from application.ports.files import FilesUnavailableError
from application.ports.storage.work import Scope
from application.retention.archived import ProveArchived
from domain.export import ExportFormat
from domain.identifiers import InstallationId, Prefix, public_id
from entrypoints.commands import setting_up
from entrypoints.main import main
from tests.application.house import House
from tests.application.sealing import Sealing
from tests.application.test_exports import events_of, fill

FORMATS = [each.value for each in ExportFormat]


@pytest.fixture
def house(monkeypatch):
    house = House()
    fill(house, 40)
    parts = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}

    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            store=lambda: house.store,
            request_export=lambda: RequestExport(**parts, has_place=True),
            make_export=lambda: house.make_export(part_limit=16_000),
            export_files=lambda: house.files,
            prove_archived=lambda: ProveArchived(store=house.store, files=None),
        )

    monkeypatch.setattr(setting_up, "container", container)
    return house


def run(*arguments):
    done = CliRunner().invoke(main, ["audit", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done


@pytest.fixture
def organisation(house):
    return public_id(Prefix.ORGANISATION, house.registered.organisation.id)


@pytest.fixture
def taken(house, organisation, tmp_path):
    """A folder with an export of everything, in JSON Lines."""
    assert run("export", organisation, "--out", tmp_path / "out").exit_code == 0
    return tmp_path / "out"


@pytest.mark.parametrize("encoding", FORMATS)
def test_a_trail_is_taken_away_and_holds(house, organisation, tmp_path, encoding):
    out = tmp_path / "out"
    done = run("export", organisation, "--out", out, "--format", encoding, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["events"] == len(events_of(house)) - 3
    names = [f"part-{n:05}.{encoding}" for n in range(1, told["parts"] + 1)]
    assert sorted(each.name for each in out.iterdir()) == ["event.json", "manifest.json", *names]
    assert told["parts"] > 1
    for where in (out, out / "manifest.json"):
        checked = run("check", where, "--json")
        assert checked.exit_code == 0, checked.output
        found = json.loads(checked.stdout)
        assert (found["holds"], found["events"]) == (True, told["events"])
        assert found["digest"] == told["digest"]
    assert run("check", out).stdout.count("PROVED") == 3


def sealed(house):
    installation = InstallationId(UUID("01900000-0000-7000-8000-00000000000e"))
    seal = Sealing(house=house, seals=house.store.seal_store(), installation=installation)
    seal()
    with house.store.begin(Scope()) as work:
        (log,) = work.seals.logs()
    mark = sha256(log.origin.encode() + b"\n\x01" + log.public_key.raw).hexdigest()[:8]
    return f"{log.origin}+{mark}+{b64encode(bytes([1]) + log.public_key.raw).decode()}"


def test_an_export_that_is_taken_once_it_is_sealed_proves_who_signed_it(
    house, organisation, tmp_path
):
    first, again = tmp_path / "first", tmp_path / "again"
    told = json.loads(run("export", organisation, "--out", first, "--json").stdout)
    assert "NOT PROVED  that the event is sealed" in run("check", first).stdout
    key = sealed(house)
    assert run("export", organisation, "--out", again, "--again", told["export"]).exit_code == 0
    done = run("check", again)
    assert "NOT PROVED  who signed that log" in done.stdout
    done = run("check", again, "--key", key)
    assert done.exit_code == 0
    assert "NOT PROVED" not in done.stdout
    found = json.loads(run("check", again, "--key", key, "--json").stdout)
    assert (found["holds"], found["is_signed"]) == (True, True)
    assert key.startswith(found["origin"] + "+")
    # The proof of another event, and another key of the same name.
    assert run("check", again, "--key", "x").exit_code == 2
    name = found["origin"].encode()
    mark = sha256(name + b"\n\x01" + bytes(32)).hexdigest()[:8]
    stranger = f"{found['origin']}+{mark}+{b64encode(bytes([1]) + bytes(32)).decode()}"
    done = run("check", again, "--key", stranger)
    assert done.exit_code == 1
    assert "is not signed by the key" in done.stdout
    proof = again / "event.proof"
    text = proof.read_text()
    for broken in (
        text.replace("\nindex ", "\nindex 1"),
        text[:-20],
        "x",
        text.replace("A", "B", 1),
    ):
        proof.write_text(broken)
        assert run("check", again, "--key", key).exit_code == 1, broken
    event = next(e for e in events_of(house) if e.action == "export.requested")
    proof.write_text(run("prove", organisation, public_id(Prefix.EVENT, event.id)).stdout)
    assert "event.proof is not of event.json" in run("check", again).stdout


def flip(path, place, other=b"X"):
    content = bytearray(path.read_bytes())
    content[place : place + 1] = other
    path.write_bytes(content)


def edited(taken, change):
    """Part 2 with other content, and a manifest that says so: what a forger would do."""
    import hashlib

    import rfc8785

    part, manifest = taken / "part-00002.jsonl", taken / "manifest.json"
    part.write_bytes(change(part.read_bytes()))
    told = json.loads(manifest.read_bytes())
    told["parts"][1] |= {
        "bytes": part.stat().st_size,
        "sha256": hashlib.sha256(part.read_bytes()).hexdigest(),
    }
    manifest.write_bytes(rfc8785.dumps(told))


def lines(content):
    return content.splitlines(keepends=True)


def salted(content):
    """The last letter of the last salt is another."""
    return content[:-4] + (b"1" if content[-4:-3] == b"0" else b"0") + content[-3:]


SABOTAGES = {
    "a flipped byte": (
        lambda taken: flip(taken / "part-00001.jsonl", 300),
        "part-00001.jsonl is not the file that the manifest names",
    ),
    "a part that is gone": (
        lambda taken: (taken / "part-00002.jsonl").unlink(),
        "part-00002.jsonl is not there",
    ),
    "a truncated part": (
        lambda taken: (taken / "part-00002.jsonl").write_bytes(b""),
        "part-00002.jsonl has 0 bytes",
    ),
    "parts that are swapped": (
        lambda taken: shutil.copy(taken / "part-00001.jsonl", taken / "part-00002.jsonl"),
        "part-00002.jsonl is not the file",
    ),
    "a body and a manifest that fits": (
        lambda taken: edited(taken, lambda c: c.replace(b'"dep_1"', b'"dep_9"', 1)),
        "has another leaf hash",
    ),
    "a line less and a manifest that fits": (
        lambda taken: edited(taken, lambda c: b"".join(lines(c)[1:])),
        "has other events than the manifest says",
    ),
    "lines in another order": (
        lambda taken: edited(taken, lambda c: b"".join(reversed(lines(c)))),
        "is not in its place",
    ),
    "a line twice": (
        lambda taken: edited(taken, lambda c: lines(c)[0] + c),
        "is not in its place",
    ),
    "an event of somebody else": (
        lambda taken: edited(taken, lambda c: c.replace(b'ation":"org_0', b'ation":"org_1')),
        "an event of another organisation",
    ),
    "no event at all": (
        lambda taken: edited(taken, lambda c: b'{"body":[],"leaf_hash":"","salt":""}\n'),
        "has a body that is no event's",
    ),
    "a salt that was changed": (
        lambda taken: edited(taken, salted),
        "has another leaf hash",
    ),
    "another export's event": (
        lambda taken: (taken / "event.json").write_text('{"body":{},"salt":""}'),
        "event.json is not about this manifest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SABOTAGES)
def test_what_was_changed_is_named(taken, name):
    sabotage, words = SABOTAGES[name]
    sabotage(taken)
    done = run("check", taken)
    assert done.exit_code == 1
    assert words in done.stdout
    assert json.loads(run("check", taken, "--json").stdout)["holds"] is False


def test_a_manifest_that_fits_its_forged_parts_is_not_its_events(taken):
    import hashlib

    def forge(content):
        return b"".join(lines(content)[:-1])

    edited(taken, forge)
    import rfc8785

    manifest = taken / "manifest.json"
    told = json.loads(manifest.read_bytes())
    part = told["parts"][1]
    last = json.loads(lines((taken / "part-00002.jsonl").read_bytes())[-1])["body"]["sequence"]
    part |= {"events": part["events"] - 1, "last_sequence": last}
    told["events"] -= 1
    manifest.write_bytes(rfc8785.dumps(told))
    done = run("check", taken)
    assert done.exit_code == 1
    assert "event.json is not about this manifest" in done.stdout
    # Without the event nothing differs, and that is what it says.
    (taken / "event.json").unlink()
    done = run("check", taken)
    assert done.exit_code == 0
    assert "NOT PROVED  who made the manifest" in done.stdout
    assert hashlib.sha256(manifest.read_bytes()).hexdigest() in done.stdout


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": "tallystick.export/1"}', '{"encoding":"xml"}', '"', "null"],
)
def test_what_is_no_manifest_is_refused(taken, content):
    (taken / "manifest.json").write_text(content)
    done = run("check", taken)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "none of ours" in done.stderr


def test_a_manifest_leads_to_no_other_place(taken):
    import rfc8785

    manifest = taken / "manifest.json"
    told = json.loads(manifest.read_bytes())
    told["parts"][0]["name"] = "../../etc/passwd"
    manifest.write_bytes(rfc8785.dumps(told))
    assert "none of ours" in run("check", taken).stderr


def test_a_folder_without_an_export_is_none(tmp_path):
    done = run("check", tmp_path)
    assert done.exit_code == 1
    assert "there is no manifest.json" in done.stderr


def test_filters_are_kept_to(house, organisation, tmp_path):
    out = tmp_path / "out"
    done = run("export", organisation, "--out", out, "--subject", "dep_1", "--json")
    assert json.loads(done.stdout)["events"] == 13


def test_what_stopped_is_gone_on_with(house, organisation, tmp_path):
    house.files.failure = FilesUnavailableError("no space left")
    done = run("export", organisation, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "no space left" in done.stderr
    house.files.failure = None
    (name,) = [each.subject for each in events_of(house) if each.action == "export.requested"]
    done = run("export", organisation, "--out", tmp_path / "out", "--again", name)
    assert done.exit_code == 0, done.output
    assert run("check", tmp_path / "out").exit_code == 0


def test_nobodys_export_is_none(house, tmp_path):
    stranger = public_id(Prefix.ORGANISATION, house.identifiers.next())
    for more in ((), ("--again", public_id(Prefix.EXPORT, house.identifiers.next()))):
        done = run("export", stranger, "--out", tmp_path / "out", *more)
        assert done.exit_code == 1
        assert "not_found" in done.stderr
    assert run("export", "nonsense", "--out", tmp_path / "out").exit_code == 2
    assert connect(str(tmp_path)).open("out/manifest.json") is None


PART = (
    b'{"body":{"action":"x","organisation":"org_1","sequence":1},"leaf_hash":"%s","salt":"%s"}\n'
)
PART %= b"00" * 32, b"00" * 16
DEEP = b"[" * 5_000


def a_manifest(part, **changes):
    told = {
        "begins": None, "encoding": "jsonl", "events": 1, "export": "exp_1", "filters": {},
        "format": "tallystick.export/1", "last_sequence": 1, "organisation": "org_1",
        "parts": [{
            "bytes": len(part), "events": 1, "first_sequence": 1, "last_sequence": 1,
            "name": "part-00001.jsonl", "sha256": sha256(part).hexdigest(),
        }],
        "requested_at": "x", "requested_by": "y", "tree": None,
    }  # fmt: skip
    return json.dumps(told | changes, sort_keys=True, separators=(",", ":")).encode()


STRANGE = {
    "a manifest with a float": {"manifest.json": a_manifest(PART, events=1.5)},
    "a deep manifest": {"manifest.json": DEEP},
    "an event with a float": {"event.json": b'{"body":{"a":1.5},"salt":"00"}'},
    "a deep event": {"event.json": b'{"body":' + DEEP},
    "an event that is a list": {"event.json": b"[]"},
}
STRANGE_PARTS = {
    "a float": PART.replace(b'"x"', b"1.5"),
    "depth": b'{"body":' + DEEP + b"\n",
    "an integer beyond 2^53": PART.replace(b'"sequence":1', b'"sequence":9007199254740993'),
    "a number of many digits": PART.replace(b'"sequence":1', b'"sequence":' + b"9" * 5_000),
}


@pytest.mark.parametrize("what", STRANGE)
def test_an_export_with_json_that_is_none_of_ours_is_refused_in_words(tmp_path, what):
    files = {"manifest.json": a_manifest(PART), "part-00001.jsonl": PART} | STRANGE[what]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = run("check", tmp_path, "--json")
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"] == "not_an_export"


@pytest.mark.parametrize("what", STRANGE_PARTS)
def test_a_part_with_json_that_is_none_of_ours_is_a_fault(tmp_path, what):
    part = STRANGE_PARTS[what]
    (tmp_path / "manifest.json").write_bytes(a_manifest(part))
    (tmp_path / "part-00001.jsonl").write_bytes(part)
    done = run("check", tmp_path, "--json")
    assert isinstance(done.exception, SystemExit), done.exception
    (fault, *_) = json.loads(done.stdout)["faults"]
    assert "line 1 is none of ours" in fault
    assert done.exit_code == 1
