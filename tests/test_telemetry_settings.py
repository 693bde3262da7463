"""[logs], [metrics] and [traces]: what is read, what is wrong, what `doctor` sees of it."""

import pytest
from attrs import evolve

from entrypoints import telemetry_settings
from entrypoints.commands import doctor
from entrypoints.container import build_container
from entrypoints.settings import load
from entrypoints.telemetry_settings import (
    LogFormat,
    LogLevel,
    MetricsSettings,
    Place,
    TraceSettings,
    read_telemetry,
)
from tests.adapters.telemetry.collector import collecting


def read(environment="production", **given):
    written = {tuple(name.split("__")): text for name, text in given.items()}
    return read_telemetry(lambda section, key: written.get((section, key)), environment)


def test_nothing_is_served_and_nothing_sent_unless_it_is_said():
    found, faults = read()
    assert faults == []
    assert found.metrics.listen is None
    assert found.metrics.database_url is None
    assert found.traces.endpoint is None


@pytest.mark.parametrize(
    ("environment", "usual"),
    [("development", LogFormat.HUMAN), ("test", LogFormat.JSON), ("production", LogFormat.JSON)],
)
def test_logs_are_for_people_where_people_read_them(environment, usual):
    assert read(environment)[0].logs.format is usual
    for chosen in LogFormat:
        assert read(environment, logs__format=chosen.value)[0].logs.format is chosen


def test_what_is_said_is_what_counts():
    found, faults = read(
        logs__level="warning",
        metrics__listen="[::1]:9464",
        metrics__database_url="postgresql://figures:secret@db/tallystick",
        traces__endpoint="https://collector.example/v1/traces",
        traces__headers="x-team = secret, authorization=Basic c2VjcmV0",
    )
    assert faults == []
    assert found.logs.level is LogLevel.WARNING
    assert found.metrics.listen == Place("::1", 9464)
    assert found.traces.headers == {"x-team": "secret", "authorization": "Basic c2VjcmV0"}
    assert "secret" not in repr(found)
    assert "secret" not in str(found.redacted())
    assert found.redacted()["traces"]["headers"] == ["authorization", "x-team"]


def test_traces_need_packages_that_nobody_else_needs(monkeypatch):
    monkeypatch.setattr(telemetry_settings, "_PACKAGES", ("opentelemetry", "no.such.package"))
    endpoint = "https://collector.example/v1/traces"
    _, faults = read(traces__endpoint=endpoint)
    assert faults == [
        "TALLYSTICK_TRACES_ENDPOINT ([traces] endpoint) needs the packages of tallystick[traces]"
    ]
    assert read()[1] == []


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"logs__format": "yaml"}, "TALLYSTICK_LOGS_FORMAT"),
        ({"logs__level": "chatty"}, "TALLYSTICK_LOGS_LEVEL"),
        ({"metrics__listen": "9464"}, "TALLYSTICK_METRICS_LISTEN"),
        ({"metrics__listen": "127.0.0.1:99999"}, "TALLYSTICK_METRICS_LISTEN"),
        (
            {"metrics__database_url": "postgresql://figures@db/tallystick"},
            "needs TALLYSTICK_METRICS_LISTEN",
        ),
        (
            {"metrics__database_url": "mysql://db", "metrics__listen": "127.0.0.1:1"},
            "TALLYSTICK_METRICS_DATABASE_URL",
        ),
        ({"traces__endpoint": "collector:4318"}, "TALLYSTICK_TRACES_ENDPOINT"),
        ({"traces__endpoint": "https://me:secret@collector/"}, "TALLYSTICK_TRACES_ENDPOINT"),
        ({"traces__endpoint": "https://["}, "TALLYSTICK_TRACES_ENDPOINT"),
        ({"traces__headers": "secret"}, "TALLYSTICK_TRACES_HEADERS"),
    ],
)
def test_what_is_wrong_is_said_without_what_is_secret(given, word):
    _, faults = read(**given)
    assert any(word in fault for fault in faults), faults
    assert "secret" not in str(faults)


CONFIGURATION = """
[installation]
id = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
environment = "development"

[database]
url = "postgresql://nobody@127.0.0.1:9/nothing"

[local_keys]
master_key = "{key}"

[metrics]
listen = "127.0.0.1:0"
database_url = "postgresql://nobody@127.0.0.1:9/nothing"

[traces]
endpoint = "{endpoint}"

[networks."eip155:31337"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["http://127.0.0.1:9"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""


@pytest.fixture
def container(tmp_path):
    def made(endpoint):
        text = CONFIGURATION.format(key="A" * 43 + "=", endpoint=endpoint)
        (tmp_path / "tallystick.toml").write_text(text)
        return build_container(load(tmp_path / "tallystick.toml", {}))

    return made


def test_doctor_says_what_is_not_there(container):
    found = [*doctor.telemetry(container("http://127.0.0.1:9/v1/traces"))]
    assert [each.what.partition(" ")[0] for each in found] == ["figures", "collector"]
    assert all(each.problem and each.remedy and each.is_warning for each in found)


def test_doctor_says_what_is_well(container):
    with collecting() as collector:
        _, found = doctor.telemetry(container(collector.url))
    assert found.problem is None
    assert collector.spans == []


def test_doctor_asks_nobody_of_whom_nothing_is_said(container):
    quiet = container("http://127.0.0.1:9/").settings()
    quiet = evolve(quiet, telemetry=evolve(quiet.telemetry, metrics=MetricsSettings()))
    quiet = evolve(quiet, telemetry=evolve(quiet.telemetry, traces=TraceSettings()))
    assert [*doctor.telemetry(build_container(quiet))] == []
