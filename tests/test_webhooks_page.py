"""docs/webhooks.md keeps its promises: its code verifies, its table is the one of the code."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from domain.notification import NAMES, TEST
from domain.webhook import (
    JITTER,
    KEPT_FOR,
    LONGEST_EXCERPT,
    OVERLAP,
    SCHEDULE,
    headers_of,
    written,
)
from tests.architecture.house import ROOT

PAGE = (ROOT / "docs/webhooks.md").read_text("utf-8")
SECRET = bytes(range(32))
BODY = b'{"type":"deployment.completed"}'


def reader_of(page):
    """The page's own code, as a reader would copy it."""
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(compile(code, "docs/webhooks.md", "exec"), names)  # noqa: S102 - our own page
    return names["verified"]


@pytest.fixture(scope="module")
def verified():
    return reader_of(PAGE)


def sent(at=None, *secrets):
    at = datetime.now(UTC) if at is None else at
    return headers_of("evt_1", at, BODY, secrets or (SECRET,))


def test_what_we_send_is_taken(verified):
    assert verified(sent(), BODY, written(SECRET))
    assert verified(sent(None, b"n" * 32, SECRET), BODY, written(SECRET)), "while it is rotated"


def test_what_we_have_not_sent_is_not_taken(verified):
    assert not verified(sent(), BODY + b" ", written(SECRET))
    assert not verified(sent(), BODY, written(bytes(32)))
    assert not verified(sent() | {"webhook-id": "evt_2"}, BODY, written(SECRET))
    for seconds in (-400, 400):
        old = datetime.fromtimestamp(time.time() + seconds, UTC)
        assert not verified(sent(old), BODY, written(SECRET))


def test_the_page_names_every_type():
    table = PAGE[PAGE.index("| `type` | when |") :]
    first, *rest = re.findall(r"`(deployment\.\w+)`|`(\.\w+)`", table)
    said = {first[0]} | {f"deployment{short}" for _, short in rest if short}
    said |= set(re.findall(r"`((?:credits|licence|audit|account|webhook_endpoint)\.\w+)`", table))
    assert said == {*NAMES, TEST.name}


def test_the_page_tells_the_schedule():
    (said,) = re.findall(r"\*\*Retries\*\* after (.*?), and up to a tenth longer", PAGE)
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    told = [(int(number), units[unit]) for number, unit in re.findall(r"(\d+) (s|min|h)\b", said)]
    assert [timedelta(**{unit: number}) for number, unit in told] == list(SCHEDULE[1:])
    assert (JITTER, KEPT_FOR.days, LONGEST_EXCERPT, OVERLAP.days) == (10, 30, 1024, 1)
