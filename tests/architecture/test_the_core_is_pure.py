"""The domain is values and rules: no clock, no chance, no world.  The application asks ports.

import-linter keeps SDKs out.  Here is the rest: parts of the standard library, and calls.
"""

import ast

import pytest

from tests.architecture.house import ROOT, modules_of

#: The parts of the standard library that neither know nor do anything.
PURE = {
    "__future__", "base64", "binascii", "bisect", "collections", "contextlib", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "hashlib", "heapq", "hmac",
    "itertools", "json", "math", "operator", "re", "string", "struct", "textwrap", "types",
    "typing", "unicodedata", "uuid", "zoneinfo",
}  # fmt: skip
#: ipaddress and urllib.parse read text, where urllib.request would fetch; email writes it, as long
#: as it is told the instant and the name.
PURE_MODULES = {
    "collections.abc", "email.headerregistry", "email.message", "email.policy", "email.utils",
    "ipaddress", "urllib.parse",
}  # fmt: skip
OURS = {"domain": {"attrs", "domain"}, "application": {"application", "attrs", "domain"}}
#: Clocks, chance and the world, by the last word of the call.
FORBIDDEN_CALLS = {
    "breakpoint", "eval", "exec", "exit", "formatdate", "getenv", "input", "localtime",
    "make_msgid", "monotonic", "now", "open", "perf_counter", "print", "quit", "randbytes",
    "sleep", "time_ns", "today", "token_hex", "urandom", "utcnow", "uuid1", "uuid4", "uuid6",
    "uuid7",
}  # fmt: skip
CORE = [*modules_of("domain"), *modules_of("application")]


@pytest.fixture(params=CORE, ids=str)
def module(request):
    return request.param


@pytest.fixture
def tree(module):
    return ast.parse((ROOT / module).read_text())


def test_a_module_imports_only_what_is_pure(module, tree):
    welcome = PURE | OURS[module.parts[0]]
    strangers = {
        name
        for name in imported_by(tree)
        if name.split(".")[0] not in welcome and name not in PURE_MODULES
    }
    assert not strangers


def test_a_module_asks_neither_clock_nor_chance_nor_the_world(module, tree):
    # A port is asked through a field or by its name: `self.clock.now()`, `files.open(name)`.
    asked = {
        last_word(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and not is_asked_of_a_port(node.func)
    }
    assert not asked & FORBIDDEN_CALLS


def test_a_module_counts_in_whole_numbers(tree):
    """Money and token supplies are integers of base units; a float would lose some of them."""
    floats = {
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
    }
    assert not floats, f"floats in lines {sorted(floats)}"


def imported_by(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"relative import in line {node.lineno}"
            yield node.module


def last_word(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_asked_of_a_port(function):
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in {"clock", "files", "self"}
