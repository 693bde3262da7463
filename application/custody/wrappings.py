"""Several wrappings as one: what any of them wrapped is read, and one of them wraps."""

from collections.abc import Mapping

from attrs import field, frozen

from application.ports.custody import CustodyRefusedError, KeyWrapping, Wrapped


@frozen(kw_only=True)
class Wrappings(KeyWrapping):
    """So that secrets can move from one to another while everything runs."""

    #: By what the names of their keys begin with.
    by_scheme: Mapping[str, KeyWrapping] = field(repr=False)
    #: The scheme of the one that wraps.
    chosen: str

    def current(self) -> str:
        return self.by_scheme[self.chosen].current()

    def wrap(self, secret: bytes, context: bytes) -> Wrapped:
        return self.by_scheme[self.chosen].wrap(secret, context)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        scheme = wrapped.wrapping.partition(":")[0]
        if scheme not in self.by_scheme:
            msg = f"nothing here unwraps what {wrapped.wrapping} wrapped"
            raise CustodyRefusedError("unknown_key", msg)
        return self.by_scheme[scheme].unwrap(wrapped, context)
