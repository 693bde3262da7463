"""A standard whose tokens are assets by another name, with programs that need some AVM."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.algorand import standards
from tests.adapters.pretend import PRETEND, a_standard

_SOURCE = '''
"""A fungible asset that needs AVM {needs_avm}."""

from attrs import evolve

from adapters.algorand.kind import Kind
from adapters.algorand.standards.asa import KINDS as ASSETS
from domain.token import Token

ASSET = ASSETS[0]


class Pretend(Kind):
    name = {name!r}
    needs_avm = {needs_avm!r}

    @property
    def description(self):
        return evolve(ASSET.description, kind=self.name, standard="Pretend", title="Pretend")

    def token(self, parameters):
        found = ASSET.token(parameters)
        return evolve(found, kind=self.name) if isinstance(found, Token) else found

    def stored_token(self, parameters):
        return evolve(ASSET.stored_token(parameters), kind=self.name)

    def deed(self, intent, operation):
        return ASSET.deed(as_asset(intent), operation)

    def planned(self, intent):
        return ASSET.planned(as_asset(intent))

    def state(self, reader, place):
        return ASSET.state(reader, place)

    def differences(self, sight, token):
        return ASSET.differences(evolve(sight, intent=as_asset(sight.intent)), token)


def as_asset(intent):
    return evolve(intent, token=evolve(intent.token, kind=ASSET.name))


KINDS = (Pretend(),)
'''


@contextmanager
def a_kind_that_needs(avm: int | None, folder: Path) -> Iterator[None]:
    """`PRETEND` is a kind of every Algorand chain while it lasts."""
    with a_standard(standards, folder, _SOURCE.format(needs_avm=avm, name=PRETEND)):
        yield
