"""The worked example of docs/custody.md, word for word."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from application.ports.custody import Custodian
from tests.contract.custody import guarded, registered

PAGE = Path(__file__).parents[3] / "docs/custody.md"


def text() -> str:
    return PAGE.read_text("utf-8").partition("```python\n")[2].partition("```")[0]


@cache
def _example() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(text(), PAGE.name, "exec"), names)  # noqa: S102 - the page is ours
    return names


@contextmanager
def custodian() -> Iterator[Custodian]:
    with tempfile.TemporaryDirectory() as folder:
        yield guarded(registered("key-files", _example()["connect"](folder, {})))
