"""How the API itself fails: the line, or Stripe.  What a retry with the same key must survive.

error_before    500, and nothing was done
error_after     500, though it was done: the same key gets the same 500 again
rate_limit      429, and nothing was done
lost_before     the connection ends before the request was read
lost_after      it was done, and the connection ends before the answer
"""

from dataclasses import dataclass

KINDS = ("error_before", "error_after", "rate_limit", "lost_before", "lost_after")


@dataclass
class Outage:
    kind: str
    times: int
    #: Only requests whose method and path contain this: "POST /v1/refunds".
    where: str


class Outages:
    """Strike the next requests, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self._planned: list[Outage] = []

    def plan(self, kind: str, times: int = 1, where: str = "") -> None:
        if kind not in KINDS:
            raise ValueError(f"no such outage: {kind}; there are {', '.join(KINDS)}")
        self._planned.append(Outage(kind, times, where))

    def take(self, request: str) -> str | None:
        """Which outage this request meets, as `POST /v1/…`."""
        for outage in self._planned:
            if outage.where in request:
                outage.times -= 1
                if outage.times <= 0:
                    self._planned.remove(outage)
                self.counts[outage.kind] += 1
                return outage.kind
        return None
