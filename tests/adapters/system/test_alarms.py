"""An alarm is heard, and does not drown the others."""

import logging

from adapters.system.alarms import AGAIN_AFTER_SECONDS, LogAlarms


def test_an_alarm_is_an_error_in_the_log_said_once_in_a_while(caplog):
    now = [0.0]
    alarms = LogAlarms(lambda: now[0])
    with caplog.at_level(logging.ERROR, "tallystick.alarm"):
        for seconds in (0, 1, AGAIN_AFTER_SECONDS - 1, AGAIN_AFTER_SECONDS, 1):
            now[0] = float(seconds)
            alarms.sound("history_unavailable", "dep_1", "rounds 1 to 5")
        alarms.sound("history_unavailable", "dep_2", "rounds 1 to 5")
        alarms.sound("signer_halted", "dep_1", "why")
    assert [record.getMessage() for record in caplog.records] == [
        "alarm history_unavailable: dep_1: rounds 1 to 5",
        "alarm history_unavailable: dep_1: rounds 1 to 5",
        "alarm history_unavailable: dep_2: rounds 1 to 5",
        "alarm signer_halted: dep_1: why",
    ]
