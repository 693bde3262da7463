"""Telling the operator what waiting does not mend."""

from typing import Protocol


class Alarms(Protocol):
    def sound(self, code: str, subject: str, detail: str) -> None:
        """Say that *subject* needs a person.  Never raises, and may say it more than once.

        *code* is one of a closed list (docs/alarms.md); *detail* may name a node, so it goes where
        the operator looks and into no trail.
        """
        ...
