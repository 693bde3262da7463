"""Where exports lie, how large their parts are, and how long they stay: ``[exports]``."""

from datetime import timedelta

from attrs import frozen

#: A part has at least room for what its format says of itself.
LEAST_PART = 64 * 1024
PART = 64 * 2**20


@frozen(kw_only=True)
class ExportSettings:
    #: One for all processes; None: nothing is exported here.
    folder: str | None = None
    #: Bytes.
    part_limit: int = PART
    kept_for: timedelta = timedelta(days=7)

    @property
    def has_place(self) -> bool:
        return self.folder is not None

    def redacted(self) -> dict[str, object]:
        return {
            "folder": self.folder,
            "part_bytes": self.part_limit,
            "keep_days": self.kept_for // timedelta(days=1),
        }


def part_limit(text: str) -> int:
    """Raises: ValueError."""
    value = int(text)
    if value < LEAST_PART:
        raise ValueError(text)
    return value
