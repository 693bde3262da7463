"""What is wrong with one node, and how often that was met.

Of the line (any route, or one kind of them):
    drop_before        the request is not handled, the line goes dead
    accept_then_drop   it is handled, and the line goes dead instead of an answer
    unavailable        503, as of a node that catches up; not handled
    slow               answered late
    truncate           half of the answer
Of a submission:
    deaf               answered 200 with the id, and forgotten
    reorder            put into the pool after the next one
    evict              leaves this node's pool at once (or all pools), with a pool error
    no_gossip          stays in this node's pool, so it comes into no block until this is cleared
Of the node, until cleared:
    lag                knows nothing of the last `rounds` rounds
    stall              its round stands still
    wrong_genesis      it is a node of another chain
At once:
    evict with a txid or "all"; forget: pool, errors and confirmations are gone from its memory
"""

from collections import Counter
from dataclasses import dataclass

LINE = ("drop_before", "accept_then_drop", "unavailable", "slow", "truncate")
SUBMISSION = ("deaf", "reorder", "evict", "no_gossip")
STANDING = ("lag", "stall", "wrong_genesis")
AT_ONCE = ("forget",)
NAMES = (*LINE, *SUBMISSION, *STANDING, *AT_ONCE)
#: What is faulty unless a route is named: drops are about submissions.
_USUAL_ROUTE = {"drop_before": "submit", "accept_then_drop": "submit"}
ROUTES = (
    "any", "submit", "simulate", "params", "status", "pending", "account", "asset", "application",
    "block", "genesis",
)  # fmt: skip


@dataclass
class Fault:
    name: str
    route: str = "any"
    #: How often it may still strike; None: always.
    times: int | None = None
    seconds: float = 0.0
    rounds: int = 0
    #: Of an eviction: from every node's pool.
    everywhere: bool = False


class Faults:
    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        #: How often each really struck.
        self.hits: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Raises: ValueError: there is no such fault or route."""
        if fault.name not in NAMES:
            raise ValueError(f"no fault is called {fault.name!r}; there are {', '.join(NAMES)}")
        if fault.route not in ROUTES:
            raise ValueError(f"no route is called {fault.route!r}; there are {', '.join(ROUTES)}")
        if fault.name in STANDING:
            self.clear(fault.name)
        self.waiting.append(fault)

    def take(self, names: tuple[str, ...], route: str = "any") -> Fault | None:
        """The first that is due, used up by one and counted."""
        for fault in self.waiting:
            if fault.name in names and fault.route in {"any", route}:
                self.hits[fault.name] += 1
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.waiting.remove(fault)
                return fault
        return None

    def standing(self, name: str) -> Fault | None:
        """Not counted: asking is not being struck."""
        return next((fault for fault in self.waiting if fault.name == name), None)

    def clear(self, name: str | None = None) -> None:
        self.waiting = [each for each in self.waiting if name not in {None, each.name}]


def usual_route(name: str) -> str:
    return _USUAL_ROUTE.get(name, "any")
