"""What a check comes to: what is proved, what is not and why; or the first difference."""

from dataclasses import dataclass, field

_LONGEST_SHOWN = 200


class Refused(Exception):  # noqa: N818 - the word of the report
    """The first difference.  `code` is one of docs/evidence.md, and never changes its meaning."""

    def __init__(self, code: str, where: str, expected: object, found: object) -> None:
        self.code = code
        #: A place in the pack: ``events[3].body.details``.
        self.where = where
        self.expected = _shown(expected)
        self.found = _shown(found)
        super().__init__(f"{code} at {where}: expected {self.expected}, found {self.found}")


class UnusableError(Exception):
    """There is nothing to check: a file that cannot be read, options that mean nothing."""


@dataclass(frozen=True)
class Statement:
    code: str
    text: str


@dataclass
class Report:
    proved: list[Statement] = field(default_factory=list)
    not_proved: list[Statement] = field(default_factory=list)
    refused: Refused | None = None

    def proves(self, code: str, text: str) -> None:
        self.proved.append(Statement(code, _printable(text)))

    def leaves(self, code: str, text: str) -> None:
        """What is not proved, and why."""
        self.not_proved.append(Statement(code, _printable(text)))

    def as_json(self) -> dict[str, object]:
        refused = self.refused
        return {
            "verdict": "proved" if refused is None else "refused",
            "proved": [vars(each) for each in self.proved],
            "not_proved": [vars(each) for each in self.not_proved],
            "refused": None
            if refused is None
            else {
                "code": refused.code,
                "where": refused.where,
                "expected": refused.expected,
                "found": refused.found,
            },
        }

    def __str__(self) -> str:
        if self.refused is not None:
            return (
                f"REFUSED {self.refused.code}\n"
                f"  where     {self.refused.where}\n"
                f"  expected  {self.refused.expected}\n"
                f"  found     {self.refused.found}"
            )
        lists = (("PROVED", self.proved), ("NOT PROVED", self.not_proved))
        return "\n".join(
            line
            for name, statements in lists
            for line in (name, *(f"  - {each.text}" for each in statements))
        )


def _printable(text: str) -> str:
    """Whoever made the file chose what is in it: nothing of it moves a terminal's cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _shown(value: object) -> str:
    text = _printable(value.hex() if isinstance(value, bytes) else str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
