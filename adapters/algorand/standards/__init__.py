"""Token standards.  Each is a folder here that lists its ``KINDS``; nobody else names it."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from adapters.algorand.kind import DocumentUrl, Kind
from domain.token import TokenKind


@cache
def kinds() -> Mapping[TokenKind, Kind]:
    """The kinds of every standard, by name, in the order of their folders."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {kind.name: kind for module in modules for kind in module.KINDS}


def publishing_at(document_url: DocumentUrl | None) -> Mapping[TokenKind, Kind]:
    """The kinds there are where documents are published there; None: nowhere."""
    ready = {name: kind.publishing_at(document_url) for name, kind in kinds().items()}
    return {name: kind for name, kind in ready.items() if kind is not None}
