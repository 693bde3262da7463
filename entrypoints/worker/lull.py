"""How long to wait before looking again for something to do."""

from datetime import timedelta

from attrs import define


@define(kw_only=True)
class Lull:
    """Looks *soon* after something was found, *often* as a rule, and *seldom* once there has been
    nothing for a while: an installation that is asked nothing takes little of its machine, and who
    comes then waits *seldom* at most, once.
    """

    soon: timedelta
    often: timedelta
    seldom: timedelta
    #: Looks in a row that find nothing, before it is seldom: ten seconds of them, each 200 ms.
    patience: int = 50
    _empty: int = 0

    def pause(self, *, found: bool) -> timedelta:
        """Until the next look, if the last one *found* something or not."""
        if found:
            self._empty = 0
            return self.soon
        self._empty = min(self._empty + 1, self.patience)
        return self.seldom if self._empty == self.patience else self.often
