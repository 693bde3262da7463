"""One token, one login, one call at a time (see `module`).

Logging in counts for the whole process, however many sessions it has; with one call at a time one
session is enough.  A token that was taken out and put back has forgotten it: a new one is opened,
once for each call that finds out.  A PIN that was refused is not tried again: a few tries lock
most tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pkcs11
from attrs import define, field, frozen
from pkcs11 import exceptions

from adapters.pkcs11.address import TokenAddress
from adapters.pkcs11.errors import LOST, is_login, translated
from adapters.pkcs11.module import Module, module_at
from application.ports.custody import CustodyRefusedError

T = TypeVar("T")


@frozen
class _Open:
    session: pkcs11.Session
    #: The module's start that it is of.
    start: int


@define(eq=False)
class Token:
    address: TokenAddress
    _pin: str = field(repr=False)
    _open: _Open | None = field(default=None, init=False, repr=False)
    _has_refused: bool = field(default=False, init=False)

    def ask(self, what: str, question: Callable[[pkcs11.Session], T]) -> T:
        """What *question* answers, asked in a session that is logged in.

        Nothing that came out of the session may leave *question*: it would be used, and given
        back to the module, outside the lock.

        Raises: CustodyRefusedError, CustodyUnavailableError.
        """
        with self._module.lock, translated(f"{what} (token {self.address.label})"):
            try:
                return question(self._session())
            except LOST:
                self._close()
            return question(self._session())

    def mechanisms(self) -> frozenset[pkcs11.Mechanism]:
        """What the token can.  Raises: CustodyRefusedError, CustodyUnavailableError."""
        with self._module.lock, translated(f"mechanisms of token {self.address.label}"):
            token = self._module.token(self.address.label)
            return frozenset(token.slot.get_mechanisms())

    @property
    def _module(self) -> Module:
        return module_at(self.address.module)

    def _session(self) -> pkcs11.Session:
        if not self._pin:
            # An empty one would be counted as a wrong one.
            raise CustodyRefusedError("denied", "this process was given no [pkcs11] pin")
        if self._has_refused:
            msg = f"token {self.address.label} has refused the PIN; set [pkcs11] pin and restart"
            raise CustodyRefusedError("denied", msg)
        if self._open is None or self._open.start != self._module.start:
            session = self._logged_in()
            self._open = _Open(session, self._module.start)
        return self._open.session

    def _logged_in(self) -> pkcs11.Session:
        token = self._module.token(self.address.label)
        try:
            return token.open(rw=True, user_pin=self._pin)
        except exceptions.UserAlreadyLoggedIn:
            # Another adapter of this process has, with a PIN that the token took.
            return token.open(rw=True)
        except exceptions.PKCS11Error as error:
            self._has_refused = is_login(error)
            raise

    def _close(self) -> None:
        lost, self._open = self._open, None
        if lost is not None and lost.start == self._module.start:
            try:
                lost.session.close()
            except exceptions.PKCS11Error:
                return  # it was gone already, which is why it is forgotten
