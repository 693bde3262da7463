"""``tallystick-verify``: exit status 0 proved, 1 refused, 2 the input cannot be used."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from . import note
from .canonical import unbase64
from .note import NamedKey
from .one_log import Given
from .pack import LARGEST, verify
from .report import Refused, UnusableError

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    show_anywhere(sys.stdout)
    try:
        status, told = run(
            asked.file,
            keys=asked.key,
            checkpoint=asked.checkpoint,
            consistency=asked.consistency,
            anchor_notes=asked.anchor_note,
            as_json=asked.json,
        )
    except UnusableError as error:
        print(f"tallystick-verify: {error}", file=sys.stderr)  # noqa: T201 - a command answers
        return 2
    say(told)
    return status


def run(
    file: Path,
    *,
    keys: Sequence[str] = (),
    checkpoint: Path | None = None,
    consistency: Path | None = None,
    anchor_notes: Sequence[str] = (),
    as_json: bool = False,
) -> tuple[int, str]:
    """The exit status, and what is to be said.

    Raises: UnusableError.
    """
    if consistency is not None and checkpoint is None:
        raise UnusableError("--consistency is a proof from or to the one of --checkpoint")
    given = Given(
        keys=tuple(_key(each) for each in keys),
        checkpoint=None if checkpoint is None else _text(checkpoint),
        consistency=None if consistency is None else _path(consistency),
        anchor_notes=tuple(_from_hex(each) for each in anchor_notes),
    )
    raw = _read(file)
    try:
        report = verify(raw, given)
    except Exception as error:
        # Whoever made the file must not choose the exit status: what was never judged to the end
        # is neither proved nor refused.
        fault = f"{type(error).__name__}: {error}"
        raise UnusableError(f"{file} was not judged to the end: {fault}") from error
    told = json.dumps(report.as_json()) if as_json else str(report)
    return int(report.refused is not None), told


def show_anywhere(stream: TextIO) -> None:
    """What a terminal has no letters for is spelt out, and ends nothing."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def say(told: str) -> None:
    """Who has read enough may close the pipe; the exit status is the verdict all the same."""
    try:
        print(told, flush=True)  # noqa: T201 - a command answers
    except BrokenPipeError:
        # What is left would be written, and fail, once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick-verify",
        description="Check an evidence pack: what it proves, what it does not, or where it fails.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the pack")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="FINGERPRINT|FILE",
        help="the log's key is this one, or one of these where it is given again: its "
        "fingerprint, or a line name+id+base64 as C2SP writes keys, or a file of either",
    )
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="another signed checkpoint of the log"
    )
    parser.add_argument(
        "--consistency",
        type=Path,
        metavar="FILE",
        help='the proof between the two: JSON, {"path": [base64 ...]}',
    )
    parser.add_argument(
        "--anchor-note",
        action="append",
        default=[],
        metavar="HEX",
        help="what somebody has read off a chain: an anchor, or all of a transaction's data",
    )
    parser.add_argument("--json", action="store_true", help="answer a program")
    return parser


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    except OSError as error:
        raise UnusableError(str(error)) from error
    if len(raw) > LARGEST:
        raise UnusableError(f"{file} has more than {LARGEST} bytes")
    return raw


def _text(file: Path) -> str:
    try:
        return _read(file).decode()
    except UnicodeDecodeError as error:
        raise UnusableError(f"{file} is not text") from error


def _key(given: str) -> NamedKey:
    """What a fingerprint, a key as C2SP writes it, or a file with one of them names."""
    line = _text(Path(given)).strip() if is_file(given) else given
    if _FINGERPRINT.fullmatch(line.lower()):
        return NamedKey(line.lower())
    try:
        name, key = note.named(line)
    except UnusableError as error:
        raise UnusableError(f"{error}; nor a fingerprint, nor a file of one") from None
    return NamedKey(note.fingerprint(key), name)


def is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        # It is too long for a name, or has what no name has.
        return False


def _path(file: Path) -> list[bytes]:
    """A proof, as the API answers it; what else it says is not needed."""
    try:
        return [unbase64(node, str(file)) for node in json.loads(_text(file))["path"]]
    except (LookupError, RecursionError, TypeError, ValueError, Refused) as error:
        raise UnusableError(f'{file} is no proof: {{"path": [base64 ...]}}') from error


def _from_hex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits.removeprefix("0x"))
    except ValueError as error:
        raise UnusableError(f"{digits} is not hexadecimal") from error
