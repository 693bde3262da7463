"""Looking at issued tokens, on any house: a worker's use case, and what is seen of it."""

from collections import Counter
from datetime import timedelta

from attrs import evolve

from application.deployments.halt import Halt
from application.tokens.inspect import Inspect
from application.tokens.watch import WatchTokens
from domain.identifiers import Prefix, public_id

EVERY = timedelta(hours=1)


class Interfered:
    """A chain on which somebody does to tokens what we know nothing of."""

    def __init__(self, chain):
        self._chain = chain
        #: What each token shows instead of its own.
        self.changes = {}
        self.is_gone = False
        #: Done in the middle of the next looks, one for each.
        self.meanwhile = []
        self.looks = Counter()

    def state(self, token, place):
        self.looks[place] += 1
        if self.meanwhile:
            self.meanwhile.pop(0)()
        found = self._chain.state(token, place)
        return None if self.is_gone or found is None else evolve(found, **self.changes)

    def __getattr__(self, name):
        return getattr(self._chain, name)


def a_watcher(house, *, store=None, chain=None, every=EVERY):
    """A worker's use case; its ports may be replaced by mortal ones."""
    store = store or house.store
    parts = {"store": store, "clock": house.clock, "identifiers": house.identifiers}
    return WatchTokens(
        **parts,
        inspect=Inspect(
            store=store, chains={house.network: chain or getattr(house, "world", house.chain)}
        ),
        halt=Halt(**parts, alarms=house.alarms),
        alarms=house.alarms,
        every=every,
    )


def watch(house, **ports):
    """Look at all that is due; tell how many were."""
    watcher = a_watcher(house, **ports)
    return sum(1 for _ in iter(watcher, False))


def look(house):
    """An interval passes first."""
    house.pass_time(EVERY)
    return watch(house)


def watched(house, id):
    with house.store.begin(house.scope) as work:
        return work.token_watches.get(id)


def events(house, id):
    with house.store.begin(house.scope) as work:
        return work.audit.of_subject(public_id(Prefix.TOKEN, id))


def told(house, id):
    """What the trail says of a token: action and differences."""
    return [(each.action, each.content()["details"]["differences"]) for each in events(house, id)]


def alarms(house):
    return [detail for code, _, detail in house.alarms.sounded if code == "token_drift"]
