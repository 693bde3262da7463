"""The line to one Vault: logged in before anything is asked, and renewed in time.

A token lives for a while.  At two thirds of it the token is renewed; one that cannot be is
replaced by logging in, where there is a role to log in with.  What is forbidden is asked once more
after a fresh log-in: the token may have been revoked.  Then it is a person's business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import hvac
from attrs import define, field, frozen
from hvac import exceptions

from adapters.vault.address import Address
from adapters.vault.errors import translated
from application.ports.custody import CustodyRefusedError

T = TypeVar("T")

_SECONDS = 10
_RENEWED_AT = 2 / 3


@frozen(kw_only=True)
class Login:
    token: str = field(default="", repr=False)
    role_id: str = field(default="", repr=False)
    secret_id: str = field(default="", repr=False)

    @classmethod
    def read(cls, secrets: Mapping[str, str]) -> Login:
        """Raises: ValueError."""
        made = cls(**secrets)
        if bool(made.role_id) != bool(made.secret_id) or (made.token and made.role_id):
            raise ValueError("it takes either a token, or role_id and secret_id")
        return made

    @property
    def is_role(self) -> bool:
        return bool(self.role_id)


@define(eq=False)
class Line:
    address: Address
    _login: Login = field(repr=False)
    _client: hvac.Client = field(init=False, repr=False)
    #: On the monotonic clock; None: not logged in yet.
    _due: float | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._client = hvac.Client(
            url=self.address.url,
            # Empty and not None, at which the library looks for one in the environment.
            token=self._login.token,
            namespace=self.address.namespace,
            timeout=_SECONDS,
        )

    def ask(self, needs: str, question: Callable[[hvac.Client], T]) -> T:
        """What *question* answers.  *needs*: the permission it takes, for whoever lacks it.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        if not self._login.token and not self._login.is_role:
            raise CustodyRefusedError("denied", "this process was given no credentials of [vault]")
        with translated("logging in"):
            token = self._logged_in()
        with translated(needs):
            if not self._login.is_role:
                return question(self._client)
            try:
                return question(self._client)
            except exceptions.Forbidden:
                with self._lock:
                    if self._client.token == token:
                        self._log_in()
            return question(self._client)

    def _logged_in(self) -> str:
        """The token that is used, renewed if it is time."""
        with self._lock:
            if self._due is None:
                self._begin()
            elif time.monotonic() >= self._due:
                self._renew()
            token: str = self._client.token
            return token

    def _begin(self) -> None:
        if self._login.is_role:
            self._log_in()
            return
        looked = self._client.auth.token.lookup_self()["data"]
        self._lives(looked["ttl"], is_renewable=looked["renewable"])

    def _renew(self) -> None:
        try:
            answer = self._client.auth.token.renew_self()
        except (exceptions.Forbidden, exceptions.InvalidRequest):
            if not self._login.is_role:
                raise
            self._log_in()
        else:
            self._follow(answer)

    def _log_in(self) -> None:
        answer = self._client.auth.approle.login(
            role_id=self._login.role_id, secret_id=self._login.secret_id, use_token=False
        )
        self._client.token = answer["auth"]["client_token"]
        self._follow(answer)

    def _follow(self, answer: Any) -> None:
        self._lives(answer["auth"]["lease_duration"], is_renewable=answer["auth"]["renewable"])

    def _lives(self, seconds: int, *, is_renewable: bool) -> None:
        """A token without end (0), or of somebody else's care, is left as it is."""
        ends = seconds > 0 and (is_renewable or self._login.is_role)
        self._due = time.monotonic() + seconds * _RENEWED_AT if ends else float("inf")
