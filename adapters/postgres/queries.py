"""Named queries from the ``sql/`` folder.

A query starts at a line ``-- name: <name>`` and runs to the next one.  The text is trusted
because it ships with this package; values only ever travel as ``%(parameters)s``.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str) -> Mapping[str, LiteralString]:
    text = (resources.files(__package__) / "sql" / file).read_text("utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: cast("LiteralString", query.strip())
        for name, query in zip(parts[::2], parts[1::2], strict=True)
    }
