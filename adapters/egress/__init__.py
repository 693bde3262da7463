"""The only way to addresses that members have chosen.

::

    addresses.py   which addresses are nobody's but ours, with the registry that says so
    urls.py        what a URL of a member may look like
    guard.py       resolve, refuse, pin; the port
    exchange.py    one request and its answer on a pinned connection: sizes and a deadline

A name is resolved for each connection, every address that it has is looked at, and the connection
goes to one of those that were looked at, by number: a name that leads elsewhere a moment later
leads nobody there.  TLS is held against the name.  No redirection is followed, no proxy of the
environment's is used, no cookie is kept.
"""

from adapters.egress.guard import Guard, Rules, connect

__all__ = ["Guard", "Rules", "connect"]
