"""A vendor's library, which the whole process shares.

python-pkcs11 initialises modules without locks (``C_Initialize(NULL)``): PKCS #11 then forbids two
threads inside the module at once, and SoftHSM does crash.  So one lock is held around everything
that enters a module.  Starting a module anew, which some need to see a token that was not there
before, ends the sessions of everybody, and may give their numbers to others: each session knows
which start it is of.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import pkcs11
from attrs import define, field
from pkcs11 import exceptions

from application.ports.custody import CustodyUnavailableError


@cache
def module_at(path: str) -> Module:
    """The one of this process."""
    return Module(path)


@define(eq=False)
class Module:
    path: str
    #: Held by whoever asks for anything else of it.
    lock: threading.RLock = field(factory=threading.RLock, repr=False)
    #: How often it was started; sessions of before are void.
    start: int = field(default=0, init=False)

    def token(self, label: str) -> pkcs11.Token:
        """Raises: PKCS11Error; CustodyUnavailableError: there is no such module, or token."""
        library = self._library()
        try:
            return self._labelled(library, label)
        except exceptions.PKCS11Error:
            # Not there yet; or another one is not there any more, at which the search fails.
            self.start += 1
            library.reinitialize()
        try:
            return self._labelled(library, label)
        except exceptions.NoSuchToken as error:
            raise CustodyUnavailableError(f"{self.path} has no token {label}") from error

    def _labelled(self, library: Any, label: str) -> pkcs11.Token:
        found: pkcs11.Token = library.get_token(token_label=label)
        return found

    def _library(self) -> Any:
        try:
            return pkcs11.lib(self.path)
        except RuntimeError as error:  # of which PKCS11Error is one
            raise CustodyUnavailableError(f"{self.path} cannot be loaded") from error
