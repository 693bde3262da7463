"""A secret that all processes of an installation share, wrapped in the store."""

from attrs import frozen

from application.ports.custody import KeyWrapping
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.identifiers import INSTALLATION


@frozen(kw_only=True)
class InstallationSecret:
    store: Store
    wrapping: KeyWrapping
    identifiers: Identifiers

    def __call__(self, name: str, length: int) -> bytes:
        """*length* bytes, made by whoever asks first.

        Raises:
            CustodyRefusedError: it was wrapped by another master key.
            CustodyUnavailableError: ask again.
        """
        context = context_of(name)
        with self.store.begin(Scope.installation()) as work:
            known = work.secrets.get(name)
        if known is None:
            wrapped = self.wrapping.wrap(self.identifiers.secret(length), context)
            with self.store.begin(Scope.installation()) as work:
                work.secrets.add(name, wrapped)
                known = work.secrets.get(name)
        if known is None:
            raise AssertionError("a secret that was added is there")
        return self.wrapping.unwrap(known, context)


def context_of(name: str) -> bytes:
    return INSTALLATION.bytes + b"\0installation\0" + name.encode()
