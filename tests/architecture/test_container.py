"""The composition root fits together: type checkers do not see how a container is wired.

Every provider's arguments are bound to the signature they are for, every provider is built, and
what is handed over is compared with what is asked for.  A port's adapter must name the port among
its bases, as ours all do.
"""

import collections.abc
import inspect
import types
import typing

import attrs
import pytest
from dependency_injector import containers, providers
from dependency_injector.errors import Error

from adapters.system import LogAlarms, SystemClock, SystemIdentifiers
from adapters.telemetry import Tracing
from application.access.authenticate import Authenticate
from application.deployments.halt import Halt
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from entrypoints import assembly
from entrypoints.container import Container, build_container
from entrypoints.settings import Settings, load

ENVIRONMENT = {
    "TALLYSTICK_INSTALLATION_ID": "ins_01k9zvkx9te1mt5qg4s7z9ht6e",
    "TALLYSTICK_INSTALLATION_ENVIRONMENT": "development",
    "TALLYSTICK_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "TALLYSTICK_LOCAL_KEYS_MASTER_KEY": "A" * 43 + "=",
    "TALLYSTICK_SEAL_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "TALLYSTICK_SEAL_STATE_FILE": "/nowhere/state.json",
}
NETWORK = """
[networks."eip155:31337"]
name = "anvil"
family = "evm"
class = "development"
nodes = ["http://127.0.0.1:9"]
finality_tag = "finalized"
fee_ceiling = 1
native_currency = "ETH"
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "tallystick.toml").write_text(NETWORK)
    return load(tmp_path / "tallystick.toml", ENVIRONMENT)


def test_everything_gets_what_it_asks_for(settings):
    container = build_container(settings)
    assert not list(mistakes_in(container))


def test_everything_is_built_without_a_server(settings):
    container = build_container(settings)
    built = {name: provider() for name, provider in container.providers.items()}
    assert built["advance"].store is built["store"]
    assert all(provider() is built[name] for name, provider in container.providers.items())


def test_there_is_one_container_for_each_settings(settings):
    one, other = build_container(settings), build_container(settings)
    assert one.store() is not other.store()


def test_settings_are_nothing_else():
    with pytest.raises(Error):
        Container(settings=providers.Object({"environment": "development"})).settings()


One = providers.Singleton


class Sound(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    alarms = One(LogAlarms)
    clock = One(SystemClock)
    identifiers = One(SystemIdentifiers, clock)
    store = One(assembly.store, settings)
    halt = One(Halt, store=store, alarms=alarms, clock=clock, identifiers=identifiers)
    documents = One(assembly.documents, settings, store)
    telemetry = One(Tracing)
    chains = One(assembly.chains, settings, documents, telemetry)


class Misspelt(Sound):
    halt = One(
        Halt,
        store=Sound.store,
        alarms=Sound.alarms,
        clok=Sound.clock,
        identifiers=Sound.identifiers,
    )


class Superfluous(Sound):
    halt = One(
        Halt,
        store=Sound.store,
        alarms=Sound.alarms,
        clock=Sound.clock,
        identifiers=Sound.identifiers,
        mail=Sound.store,
    )


class Missing(Sound):
    halt = One(Halt, store=Sound.store, alarms=Sound.alarms, identifiers=Sound.identifiers)


class Swapped(Sound):
    halt = One(
        Halt,
        store=Sound.store,
        alarms=Sound.alarms,
        clock=Sound.identifiers,
        identifiers=Sound.clock,
    )


class NotAPort(Sound):
    authenticate = One(Authenticate, store=Sound.chains, clock=Sound.clock)


class InAMapping(Sound):
    validate = One(
        Container.validate_token.provides, chains=providers.Dict(anvil=Sound.identifiers)
    )


class AFunction(Sound):
    custodians = One(assembly.custodians, Sound.store, Sound.store, Sound.telemetry)


@pytest.mark.parametrize(
    ("container", "mistakes"),
    [
        (Sound, []),
        (Misspelt, ["Halt: missing a required argument: 'clock'"]),
        (Superfluous, ["Halt: got an unexpected keyword argument 'mail'"]),
        (Missing, ["Halt: missing a required argument: 'clock'"]),
        (
            Swapped,
            [
                "Halt: clock is a SystemIdentifiers and should be a Clock",
                "Halt: identifiers is a SystemClock and should be a Identifiers",
            ],
        ),
        (NotAPort, ["Authenticate: store is a dict and should be a Store"]),
        (
            InAMapping,
            ["ValidateToken: an item of chains is a SystemIdentifiers and should be a Chain"],
        ),
        (AFunction, ["custodians: settings is a PostgresStore and should be a Settings"]),
    ],
)
def test_a_mistake_is_found(container, mistakes, settings):
    built = container(settings=providers.Object(settings))
    found = list(mistakes_in(built))
    assert [words for words in mistakes if not any(words in line for line in found)] == []
    assert bool(found) is bool(mistakes), found


def mistakes_in(container):
    for provider in container.traverse(types=[providers.Singleton, providers.Factory]):
        target = provider.provides
        given, named = arguments_of(provider)
        try:
            bound = inspect.signature(target).bind(*given, **named)
        except TypeError as error:
            yield f"{target.__name__}: {error}"
            continue
        hints = hints_of(target)
        for name, value in bound.arguments.items():
            for words in differences(name, value, hints[name]):
                yield f"{target.__name__}: {words}"


def arguments_of(provider):
    """What it would be called with: the values behind the providers."""

    def value_of(argument):
        return argument() if isinstance(argument, providers.Provider) else argument

    return (
        [value_of(argument) for argument in provider.args],
        {name: value_of(argument) for name, argument in provider.kwargs.items()},
    )


def hints_of(target):
    if not attrs.has(target):
        return typing.get_type_hints(target)
    fields = attrs.fields(attrs.resolve_types(target))
    return {field.alias: field.type for field in fields}


def differences(name, value, hint):
    if isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    if hint is None:
        hint = types.NoneType
    if hint is typing.Any:
        return
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        options = [differences(name, value, option) for option in typing.get_args(hint)]
        found = [list(option) for option in options]
        yield from min(found, key=len)
        return
    kind = typing.get_origin(hint) or hint
    if kind not in type(value).__mro__ and not is_a_collection(value, kind):
        yield f"{name} is a {type(value).__name__} and should be a {kind.__name__}"
        return
    arguments = typing.get_args(hint)
    if not isinstance(value, collections.abc.Iterable):
        return
    items = value.values() if isinstance(value, collections.abc.Mapping) else value
    for item in items if arguments else ():
        yield from differences(f"an item of {name}", item, arguments[-1])


def is_a_collection(value, kind):
    """``dict`` does not have Mapping among its bases; the ABC knows it all the same."""
    return kind.__module__ == "collections.abc" and isinstance(value, kind)


def test_a_lookalike_is_no_adapter():
    class Lookalike:
        def now(self): ...

    assert list(differences("clock", Lookalike(), Clock))
    assert list(differences("identifiers", SystemClock(), Identifiers))
    assert not list(differences("clock", SystemClock(), Clock))
