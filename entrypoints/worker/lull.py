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
    #: For how long looks find nothing before it is seldom.
    patience: timedelta = timedelta(seconds=10)
    _empty: timedelta = timedelta(0)

    def pause(self, *, found: bool) -> timedelta:
        """Until the next look, if the last one *found* something or not."""
        if found:
            self._empty = timedelta(0)
            return self.soon
        self._empty = min(self._empty + self.often, self.patience)
        return self.seldom if self._empty == self.patience else self.often
