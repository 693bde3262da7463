"""Resolve, refuse, pin: see the package."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotResolvedInTime
from contextlib import contextmanager
from functools import cache

from attrs import define, field, frozen

from adapters.egress import addresses, urls
from adapters.egress.addresses import Address
from adapters.egress.exchange import Deadline, Exchange, NothingCameError
from adapters.egress.urls import Target
from application.ports.egress import (
    Egress,
    EgressRefusedError,
    EgressUnavailableError,
    Line,
    Reply,
)

#: Name and port to addresses.  Raises: OSError.
Resolver = Callable[[str, int], Sequence[str]]

#: Of an answer to what we post: it is looked at by people.
_LONGEST_ANSWER = 16 * 1024
#: System resolvers cannot be interrupted: as many may hang at once.
_RESOLVING = 16


@frozen(kw_only=True)
class Rules:
    """What an installation allows."""

    #: ``http://`` as well.
    allows_plain: bool = False
    #: This machine, on any port: for development.
    allows_loopback: bool = False
    #: On the internet.
    ports: frozenset[int] = frozenset({443, 8443})
    #: For a connection, its encryption included.
    connect_seconds: float = 5.0
    #: For everything, from the name to the end of the answer.
    total_seconds: float = 15.0


def resolve(host: str, port: int) -> Sequence[str]:
    """As this machine does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(rules: Rules) -> "Guard":
    """Asks nobody."""
    return Guard(rules)


@frozen
class Guard(Egress):
    _rules: Rules
    _resolver: Resolver = resolve
    #: What certificates are held against; None: what this machine trusts.
    _trusted: ssl.SSLContext | None = None
    _threads: ThreadPoolExecutor = field(
        factory=lambda: ThreadPoolExecutor(_RESOLVING, thread_name_prefix="resolve"), repr=False
    )

    def check(self, url: str) -> None:
        self._allowed(self._parsed(url), Deadline.after(self._rules.connect_seconds))

    def fetch(self, url: str, headers: Mapping[str, str], longest: int) -> Reply:
        deadline = Deadline.after(self._rules.total_seconds)
        exchange = self._open(self._parsed(url), deadline)
        try:
            return exchange.ask("GET", headers, b"", longest, deadline)
        except NothingCameError as error:
            raise EgressUnavailableError("no_answer", str(error)) from error
        finally:
            exchange.connection.close()

    @contextmanager
    def line(self, url: str) -> Iterator[Line]:
        made = _GuardedLine(self, url)
        try:
            yield made
        finally:
            made.close()

    def open(self, url: str, deadline: Deadline) -> Exchange:
        """A connection to an address that was looked at, and none but that.

        Raises: EgressRefusedError, EgressUnavailableError.
        """
        return self._open(self._parsed(url), deadline)

    @property
    def total_seconds(self) -> float:
        return self._rules.total_seconds

    def _parsed(self, url: str) -> Target:
        target = urls.parse(url)
        if not target.is_tls and not self._rules.allows_plain:
            raise EgressRefusedError("scheme_refused", "the URL must begin with https://")
        return target

    def _allowed(self, target: Target, deadline: Deadline) -> list[Address]:
        """Where *target* leads now.

        Raises:
            EgressRefusedError: one of its addresses is not to be talked to: not one of them is.
            EgressUnavailableError: it leads nowhere.
        """
        found = self._addresses(target, deadline)
        for address in found:
            if addresses.is_loopback(address) and self._rules.allows_loopback:
                continue
            if not addresses.is_public(address):
                raise EgressRefusedError(
                    "address_refused", f"{target.host} does not lead to the public internet"
                )
            if target.port not in self._rules.ports:
                raise EgressRefusedError(
                    "port_refused", f"port {target.port} is not one that is sent to"
                )
        return found

    def _addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        if target.address is not None:
            return [target.address]
        asked = self._threads.submit(self._resolver, target.host, target.port)
        try:
            texts = asked.result(deadline.left(self._rules.connect_seconds))
        except NotResolvedInTime as error:
            asked.cancel()
            raise EgressUnavailableError(
                "name_unresolved", f"{target.host} was not resolved in time"
            ) from error
        except (OSError, UnicodeError) as error:
            raise EgressUnavailableError(
                "name_unresolved", f"{target.host} cannot be resolved"
            ) from error
        found = [addresses.read(text) for text in texts]
        known = [each for each in found if each is not None]
        if not known or len(known) != len(found):
            raise EgressUnavailableError("name_unresolved", f"{target.host} leads nowhere")
        return known

    def _open(self, target: Target, deadline: Deadline) -> Exchange:
        error: OSError | None = None
        for address in self._allowed(target, deadline):
            wait = deadline.left(self._rules.connect_seconds)
            try:
                return Exchange(self._connected(target, address, wait), target)
            except ssl.SSLError as refused:
                raise EgressUnavailableError(
                    "tls_failed", f"{target.host} could not prove that it is {target.host}"
                ) from refused
            except OSError as failed:
                error = failed
        raise EgressUnavailableError("not_connected", f"{target.host} does not answer") from error

    def _connected(self, target: Target, address: Address, wait: float) -> socket.socket:
        """Raises: OSError."""
        connection = socket.create_connection((str(address), target.port), wait)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not target.is_tls:
            return connection
        try:
            # The wait is for all of its messages together.
            return self._context().wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _context(self) -> ssl.SSLContext:
        return self._trusted or _machines_own()


@define
class _GuardedLine(Line):
    _guard: Guard
    _url: str
    _exchange: Exchange | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        deadline = Deadline.after(self._guard.total_seconds)
        if self._exchange is not None and self._exchange.is_open:
            try:
                return self._ask(self._exchange, body, headers, deadline)
            except NothingCameError:
                # It was closed while nobody used it; nothing of this was answered.
                pass
        self.close()
        self._exchange = self._guard.open(self._url, deadline)
        try:
            return self._ask(self._exchange, body, headers, deadline)
        except NothingCameError as error:
            raise EgressUnavailableError("no_answer", str(error)) from error

    def close(self) -> None:
        if self._exchange is not None:
            self._exchange.connection.close()
            self._exchange = None

    def _ask(
        self, exchange: Exchange, body: bytes, headers: Mapping[str, str], deadline: Deadline
    ) -> Reply:
        return exchange.ask("POST", headers, body, _LONGEST_ANSWER, deadline)


@cache
def _machines_own() -> ssl.SSLContext:
    """Made once: reading what the machine trusts takes longer than a request."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
