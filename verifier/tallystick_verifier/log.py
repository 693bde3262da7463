"""``tallystick-verify-log``: a whole log, event by event, against one signed checkpoint.

The events are those of archives: JSON Lines of ``tallystick.archive/1``, in any order of files and
of lines.  Every leaf is computed from an event's own bytes, and the tree over all of them has the
root that was signed for; so none of the log's events is changed, left out, put in or moved.
Exit status 0 proved, 1 refused, 2 the input cannot be used.
"""

import argparse
import json
import os
import re
import sys
from array import array
from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from . import note
from .canonical import DEEPEST, depth_of
from .command import is_file, say, show_anywhere
from .report import Refused, Report, UnusableError
from .tree import LEAF_DOMAIN

#: ``map``, or that of a pool of processes.
_Map = Callable[..., Iterable[Any]]

#: What the columns say is what the body says, which is what was sealed.  No text outside of the
#: details has anything to escape.
_TEXT = rb'"[^"\\\x00-\x1f]*"'
_LINE = re.compile(
    rb'\{"action":(TEXT),"at":(TEXT),"body":'
    rb'(\{"action":\1,"actor":\{"id":(?:null|TEXT),"kind":"[a-z_]*"\},'
    rb'"api_version":TEXT,"at":\2,"correlation_id":TEXT,"details":(\{.*\}),"id":(TEXT),'
    rb'"live":(true|false),"organisation":("org_[0-9a-z]{26}"),"request_id":(?:null|TEXT),"schema":1,'
    rb'"sequence":([1-9][0-9]{0,15}),"subject":(TEXT)\}),'
    rb'"id":\5,"leaf_hash":"([0-9a-f]{64})","live":\6,"organisation":\7,'
    rb'"position":(0|[1-9][0-9]{0,15}),"salt":"([0-9a-f]{32})","sequence":\8,"subject":\9\}\n'.replace(
        b"TEXT", _TEXT
    )
)
#: Bytes of the longest line that is looked at.
_LONGEST_LINE = 2**22
_LEAF = b"\x00" + LEAF_DOMAIN
_HASH = 32
#: No line is as short: a checkpoint of more leaves than there can be lines costs no memory.
_SHORTEST_LINE = 400
#: Leaves of a subtree that is computed on its own: a power of two.
_TOGETHER = 2**16


@dataclass
class _Numbers:
    """One organisation's events, in the order in which they were met."""

    sequences: "array[int]" = field(default_factory=lambda: array("Q"))
    positions: "array[int]" = field(default_factory=lambda: array("Q"))


@dataclass
class _Part:
    """What one file has: places in the log, and the hashes of the leaves that belong there."""

    positions: "array[int]" = field(default_factory=lambda: array("Q"))
    hashes: bytearray = field(default_factory=bytearray)
    numbers: dict[bytes, _Numbers] = field(default_factory=dict)


@dataclass(frozen=True)
class _Fault:
    """A refusal on its way from another process."""

    code: str
    where: str
    expected: str
    found: str


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    show_anywhere(sys.stdout)
    try:
        report = verify(asked.files, _text(asked.checkpoint), *_public_key(asked.key))
    except UnusableError as error:
        print(f"tallystick-verify-log: {error}", file=sys.stderr)  # noqa: T201 - a command answers
        return 2
    told = json.dumps(report.as_json()) if asked.json else str(report)
    say(told)
    return int(report.refused is not None)


def verify(files: Sequence[Path], checkpoint: str, name: str, key: bytes) -> Report:
    """*checkpoint* is a signed note, *key* the 32 bytes of the key of the log *name*.

    Raises: UnusableError: a file cannot be read.
    """
    report = Report()
    try:
        signed = _signed(checkpoint, name, key)
        told = f"{signed.origin} had {signed.size} events and the root {signed.root.hex()}"
        report.proves("checkpoint", f"the key has signed that {told}")
        report.proves("key", f"it is the named key, {note.fingerprint(key)}")
        _hold(files, signed, report)
    except Refused as refused:
        return Report(refused=refused)
    except OSError as error:
        raise UnusableError(str(error)) from error
    except Exception as error:
        # Neither proved nor refused: whoever made the files must not choose the exit status.
        raise UnusableError(f"not judged to the end: {type(error).__name__}: {error}") from error
    return report


def _signed(checkpoint: str, name: str, key: bytes) -> note.Checkpoint:
    signed = note.read(checkpoint, key, "checkpoint")
    if signed.origin != name:
        raise Refused("other_key", "--key", f"a key of {signed.origin}", name)
    return signed


def _hold(files: Sequence[Path], signed: note.Checkpoint, report: Report) -> None:
    """Raises: Refused, OSError."""
    room = sum(file.stat().st_size for file in files) // _SHORTEST_LINE
    if signed.size > room:
        raise Refused("events_missing", "the files", f"{signed.size} events", f"{room} at most")
    leaves: list[bytes | None] = [None] * signed.size
    numbers: dict[bytes, _Numbers] = {}
    beyond = 0
    with ExitStack() as stack:
        each = _map(len(files), stack)
        for part in each(_met, files):
            if isinstance(part, _Fault):
                raise Refused(**asdict(part))
            beyond += _place(part, leaves)
            for organisation, some in part.numbers.items():
                known = numbers.setdefault(organisation, _Numbers())
                known.sequences.extend(some.sequences)
                known.positions.extend(some.positions)
        root = _root(_all(leaves), each)
    if root != signed.root:
        raise Refused("log_root", "the tree over all events", signed.root, root)
    report.proves("log", f"its {signed.size} events are in the files, each in its place")
    counted = sum(
        _hold_numbers(organisation.decode().strip('"'), found, signed.size)
        for organisation, found in numbers.items()
    )
    report.proves(
        "numbers",
        f"numbers of {counted} organisations run from 1 without gap, in the log's order",
    )
    if beyond:
        report.leaves(
            "beyond",
            f"{beyond} events of the files are behind the checkpoint: nobody has signed for them",
        )
    report.leaves("one_history", "no other checkpoint: compare with what others have")
    report.leaves("meaning", "what events say was held against nothing: that is for a pack")
    report.leaves("left_out", "what was never written, or was not true when it was")


def _map(files: int, stack: ExitStack) -> _Map:
    processes = min(files, os.cpu_count() or 1)
    return map if processes < 2 else stack.enter_context(ProcessPoolExecutor(processes)).map


def _met(file: Path) -> _Part | _Fault:
    """Raises: OSError."""
    try:
        return _read(file)
    except Refused as refused:
        return _Fault(refused.code, refused.where, refused.expected, refused.found)


def _read(file: Path) -> _Part:
    """Raises: Refused, OSError."""
    part = _Part()
    place, add = part.positions.append, part.hashes.extend
    with file.open("rb") as opened:
        for count, line in enumerate(iter(lambda: opened.readline(_LONGEST_LINE + 1), b""), 1):
            found = _LINE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
            if found is None or not _is_json(line, found[4]):
                where = f"{file.name}, line {count}"
                raise Refused("malformed_line", where, "an event as archives have it", line[:100])
            body, organisation, sequence, stated, position, salt = found.group(3, 7, 8, 10, 11, 12)
            leaf = sha256(_LEAF + unhexlify(salt) + body).digest()
            if leaf != unhexlify(stated):
                raise Refused("leaf_hash", f"{file.name}, line {count}", stated.decode(), leaf)
            place(int(position))
            add(leaf)
            known = part.numbers.get(organisation)
            if known is None:
                known = part.numbers[organisation] = _Numbers()
            known.sequences.append(int(sequence))
            known.positions.append(int(position))
    return part


def _is_json(line: bytes, details: bytes) -> bool:
    """Whether the details are one object, so that nothing behind them is a member of theirs."""
    # Brackets are counted first, for looking which of them stand in texts takes longer.
    brackets = details.count(b"[") + details.count(b"{")
    if brackets > DEEPEST and depth_of(details) > DEEPEST:
        return False
    try:
        line.decode()
        _decode(details.decode())
    except ValueError:
        return False
    return True


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not in JSON")


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def _place(part: _Part, leaves: list[bytes | None]) -> int:
    """Put the leaves of *part* where they belong; how many are behind the last one.

    Raises: Refused.
    """
    beyond = 0
    hashes = bytes(part.hashes)
    for position, at in zip(part.positions, range(0, len(hashes), _HASH), strict=True):
        if position >= len(leaves):
            beyond += 1
        elif leaves[position] is not None:
            raise Refused("position_repeated", f"position {position}", "one event", "another")
        else:
            leaves[position] = hashes[at : at + _HASH]
    return beyond


def _all(leaves: list[bytes | None]) -> list[bytes]:
    """Raises: Refused: one is missing."""
    there = [leaf for leaf in leaves if leaf is not None]
    if len(there) != len(leaves):
        missing, first = len(leaves) - len(there), leaves.index(None)
        raise Refused("events_missing", f"position {first}", "an event", f"{missing} are missing")
    return there


def _hold_numbers(organisation: str, found: _Numbers, size: int) -> bool:
    """Whether it has an event in the log; what is behind the checkpoint may be anybody's.

    Raises: Refused: a number is missing, or is not in its order in the log.
    """
    in_log = sorted(zip(found.positions, found.sequences, strict=True))
    sequences = [sequence for position, sequence in in_log if position < size]
    for expected, sequence in enumerate(sequences, start=1):
        if sequence != expected:
            raise Refused("numbers_differ", organisation, expected, sequence)
    return bool(sequences)


def _root(leaves: Sequence[bytes], each: _Map) -> bytes:
    """RFC 6962, 2.1, level by level: a node without a sibling goes up as it is."""
    if not leaves:
        return sha256(b"").digest()
    together = [leaves[at : at + _TOGETHER] for at in range(0, len(leaves), _TOGETHER)]
    return _top([*each(_top, together)])


def _top(nodes: Sequence[bytes]) -> bytes:
    while len(nodes) > 1:
        alone = nodes[-1:] if len(nodes) % 2 else []
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        nodes = [*(sha256(b"\x01" + left + right).digest() for left, right in pairs), *alone]
    return nodes[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick-verify-log",
        description="Check a whole log, from the files of its archives, against a checkpoint.",
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="audit_events-….jsonl of archives"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="FILE",
        help="a signed checkpoint, of no more events than the files have",
    )
    parser.add_argument(
        "--key",
        required=True,
        metavar="KEY|FILE",
        help="the log's key, name+id+base64 as C2SP writes keys, or a file with it",
    )
    parser.add_argument("--json", action="store_true", help="answer a program")
    return parser


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableError(f"{file}: {error}") from error


def _public_key(given: str) -> tuple[str, bytes]:
    return note.named((_text(Path(given)) if is_file(given) else given).strip())


if __name__ == "__main__":
    sys.exit(main())
