"""Named queries from the ``sql/`` folder.

A query starts at a line ``-- name: <name>`` and runs to the next one.  The text is trusted
because it ships with this package; values only ever travel as ``%(parameters)s``.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(file: str) -> Mapping[str, LiteralString]:
    text = (resources.files(__package__) / "sql" / file).read_text("utf-8")
    _, *parts = _NAME.split(text)
    return {name: _bare(query) for name, query in zip(parts[::2], parts[1::2], strict=True)}


def _bare(query: str) -> str:
    """Without comments and indentation: psycopg remembers what it has parsed of short texts only
    (4,096 characters), and the server reads all of them.
    """
    lines = (line.strip() for line in query.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))
