"""What a proof takes over from one of an earlier commit, where only tests have changed since.

A test is the same test as long as its own file, and whatever that imports of tests/, are the same:
the product is, or nothing is taken over.
"""

from pathlib import Path

import grimp


def affected(root: Path, changed: list[str]) -> set[str] | None:
    """Which files of tests have to do with the *changed* ones; None: there is no telling."""
    if not all(_is_plain_test_code(path) for path in changed):
        return None
    graph = grimp.build_graph("tests", cache_dir=None)
    modules = {path: path.removesuffix(".py").replace("/", ".") for path in changed}
    found = set(modules.values())
    for module in modules.values():
        if module in graph.modules:
            found |= graph.find_downstream_modules(module)
    if any(module.endswith(".conftest") for module in found):
        return None
    files = {module.replace(".", "/") + ".py" for module in found}
    # Names that are given to a new process, or to pytest, are imports as well.
    for path in root.glob("tests/**/*.py"):
        text = path.read_text()
        if any(module in text or changed in text for changed, module in modules.items()):
            name = path.relative_to(root).as_posix()
            if name.endswith("conftest.py"):
                return None
            files.add(name)
    return files


def taken_over(told: list[dict], files: set[str], commit: str, changed: list[str]) -> list[dict]:
    """What a proof of *commit* told, without the passes of tests in *files*.

    That they failed there is told all the same.
    """
    lines = [
        each
        for each in told
        if "test" in each and (_file(each) not in files or each["outcome"] == "failed")
    ]
    passed = {each["test"] for each in lines if each["outcome"] == "passed"}
    sittings = [each for each in told if "test" not in each]
    header = {"taken_over_from": commit, "tests": len(passed), "changed_since": changed}
    return [*sittings, header, *lines]


def _is_plain_test_code(path: str) -> bool:
    return path.startswith("tests/") and path.endswith(".py") and "conftest" not in path


def _file(told: dict) -> str:
    return str(told["test"]).partition("::")[0]
