"""Where exports and archives lie, and how long what is kept: ``[exports]``, ``[retention]``."""

from datetime import timedelta

from attrs import frozen

from domain.retention import HOT_MONTHS, KEPT_MONTHS

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


@frozen(kw_only=True)
class RetentionSettings:
    #: Best a volume on which nothing is ever overwritten; None: nothing leaves the database.
    folder: str | None = None
    #: Behind the current one.
    hot_months: int = HOT_MONTHS
    kept_months: int = KEPT_MONTHS

    def redacted(self) -> dict[str, object]:
        return {
            "folder": self.folder,
            "hot_months": self.hot_months,
            "kept_months": self.kept_months,
        }


def part_limit(text: str) -> int:
    """Raises: ValueError."""
    value = int(text)
    if value < LEAST_PART:
        raise ValueError(text)
    return value
