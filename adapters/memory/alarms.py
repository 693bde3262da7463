from attrs import define, field

from application.ports.alarms import Alarms


@define(eq=False)
class MemoryAlarms(Alarms):
    #: Code, subject and detail, in the order in which they were sounded.
    sounded: list[tuple[str, str, str]] = field(factory=list)

    def sound(self, code: str, subject: str, detail: str) -> None:
        self.sounded.append((code, subject, detail))
