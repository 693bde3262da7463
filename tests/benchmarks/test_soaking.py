"""A soak tells what is kept, of every process, and counts what came of its requests."""

import json
import os
from xml.etree import ElementTree as ET

import pytest

from benchmarks.curves import Drawing, drawn
from benchmarks.processes import open_files, threads
from benchmarks.soaking import Sample, kept, memory, soaked

SVG = "{http://www.w3.org/2000/svg}"
OURS, CHAINS = {"serve", "work-0"}, {"anvil", "algod"}


@pytest.fixture(scope="module")
def found(place):
    return soaked(place, seconds=4.0, rate=2.0, say=lambda _: None, sample_seconds=0.5)


def test_what_was_asked_for_is_completed_and_true(found):
    assert (found["count"], found["errors"], found["differences"]) == (8, 0, 0)
    assert found["p95_milliseconds"].keys() == {"accept", "page"}
    assert all(0 < each["median"] <= each["most"] for each in found["p95_milliseconds"].values())


def test_every_process_is_watched_all_the_while(found):
    samples = found["samples"]
    assert len(samples) >= 8
    for what in ("megabytes", "threads", "open_files"):
        assert found["kept"][what].keys() == OURS | CHAINS
        assert all(each[what].keys() == OURS | CHAINS for each in samples)
        assert all(number > 0 for each in samples for number in each[what].values())
    instants = [each["seconds"] for each in samples]
    assert instants == sorted(instants)
    json.dumps(found)


def test_what_is_drawn_is_the_memory_of_our_own_processes(found):
    root = ET.fromstring(drawn(memory(found["samples"])))  # noqa: S314 - ours
    lines = list(root.iter(f"{SVG}polyline"))
    assert [len(line.get("points").split()) for line in lines] == [len(found["samples"])] * 2
    assert {each.text for each in root.iter(f"{SVG}text")} >= OURS


def test_what_is_kept_is_told_of_the_first_and_the_last_and_the_most():
    megabytes = [100, 101, 300, 110, 111, 112, 113, 114, 115, 116, 150, 152]
    samples = [
        Sample(seconds=n, megabytes={"serve": each}, threads={"serve": n}, open_files={"serve": 7})
        for n, each in enumerate(megabytes)
    ]
    found = kept(samples)
    assert found["megabytes"]["serve"] == {"first": 100.5, "last": 151, "most": 300}
    assert found["threads"]["serve"] == {"first": 0.5, "last": 10.5, "most": 11}
    assert found["open_files"]["serve"] == {"first": 7, "last": 7, "most": 7}


def test_a_line_begins_where_its_first_point_is_and_nothing_is_not_drawn():
    root = ET.fromstring(  # noqa: S314 - ours
        drawn(Drawing(across="minutes", up="MB", lines={"a & b": [(0, 0), (30, 50), (60, 100)]}))
    )
    (line,) = root.iter(f"{SVG}polyline")
    first, middle, last = (tuple(map(float, at.split(","))) for at in line.get("points").split())
    assert first[0] < middle[0] < last[0]
    assert first[1] > middle[1] > last[1]
    assert middle[0] - first[0] == pytest.approx(last[0] - middle[0])
    with pytest.raises(ValueError, match="nothing to draw"):
        Drawing(across="minutes", up="MB", lines={"none": []})


def test_threads_and_files_are_those_of_the_process():
    before = open_files(os.getpid())
    with open(os.devnull, "rb"):
        assert open_files(os.getpid()) == before + 1
    assert threads(os.getpid()) >= 1
