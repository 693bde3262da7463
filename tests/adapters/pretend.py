"""A token standard that nobody has heard of: one folder, and nothing else anywhere.

with a_standard(standards, tmp_path, SOURCE):
    chain.kinds()  # has its kinds, too
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from domain.token import TokenKind

PRETEND = TokenKind("pretend_token")
#: The folder's name comes after those of all real standards.
_FOLDER = "zz_pretend"


@contextmanager
def a_standard(standards: ModuleType, folder: Path, source: str) -> Iterator[None]:
    """While it lasts, the package *standards* has a folder more, of which *source* is all."""
    package = folder / _FOLDER
    package.mkdir()
    (package / "__init__.py").write_text(source)
    standards.__path__.append(str(folder))
    importlib.invalidate_caches()
    standards.kinds.cache_clear()
    try:
        yield
    finally:
        standards.__path__.remove(str(folder))
        sys.modules.pop(f"{standards.__name__}.{_FOLDER}", None)
        standards.kinds.cache_clear()
