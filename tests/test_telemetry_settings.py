"""[logs]: what is read, and what is wrong."""

import pytest

from entrypoints.telemetry_settings import LogFormat, read_telemetry


def read(environment="production", **given):
    written = {tuple(name.split("__")): text for name, text in given.items()}
    return read_telemetry(lambda section, key: written.get((section, key)), environment)


@pytest.mark.parametrize(
    ("environment", "usual"),
    [("development", LogFormat.HUMAN), ("test", LogFormat.JSON), ("production", LogFormat.JSON)],
)
def test_logs_are_for_people_where_people_read_them(environment, usual):
    assert read(environment)[0].logs.format is usual
    for chosen in LogFormat:
        assert read(environment, logs__format=chosen.value)[0].logs.format is chosen


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"logs__format": "yaml"}, "TALLYSTICK_LOGS_FORMAT"),
        ({"logs__level": "chatty"}, "TALLYSTICK_LOGS_LEVEL"),
    ],
)
def test_what_is_wrong_is_said_without_what_is_secret(given, word):
    _, faults = read(**given)
    assert any(word in fault for fault in faults), faults
    assert "secret" not in str(faults)
