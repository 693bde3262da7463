"""The networks of the configuration: what the operator's file says, over what we ship.

A network of `networks.toml` is enabled by naming it; any other one is said in full.  What a
network *is* (`family`, `class`, `genesis`) cannot be said differently from what we ship: a live
chain that is called a test one would be signed for by test keys, and what is signed for a copy
of a chain is good on the chain itself.

Every fault is gathered, and names its network and key.  URLs and tokens of nodes are secrets: a
fault names a node by its place in the list.
"""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Hashable, Mapping
from datetime import timedelta
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from attrs import field, frozen

from application.ports.nodes import Endpoint
from domain.identifiers import NetworkId
from domain.network import HIGHEST_AVM, Family, Finality, Network, NetworkClass
from entrypoints.treasury_settings import TreasurySettings, read_treasury

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

#: CAIP-2: how a network of each family is named.
NAMES: Final = {
    Family.EVM: re.compile(r"eip155:[1-9][0-9]{0,31}"),
    Family.ALGORAND: re.compile(r"algorand:[-_a-zA-Z0-9]{32}"),
}
DECIMALS: Final = {Family.EVM: 18, Family.ALGORAND: 6}
#: Whatever is said of the one, the other is then said as well: neither is.
FINALITY: Final = ("finality_tag", "finality_depth")
#: What a network is, and not how we use it.
IDENTITY: Final = ("family", "class", "genesis")
#: A word that may stand in a header field.
TOKEN: Final = re.compile(r"[!-~]+")


class Origin(Enum):
    """Where a value comes from."""

    FILE = "file"
    SHIPPED = "shipped"
    DEFAULT = "default"


@frozen(kw_only=True)
class NetworkSettings:
    network: Network
    #: In the order in which they are asked.
    nodes: tuple[Endpoint, ...]
    treasury: TreasurySettings = field(factory=TreasurySettings)
    #: By key of the file.
    origins: Mapping[str, Origin] = {}

    def redacted(self) -> dict[str, dict[str, object]]:
        """Value and origin of each key of the file, as they may be shown: of nodes the host."""
        each = self.network
        values: dict[str, object] = {
            "name": each.name,
            "family": each.family.value,
            "class": each.network_class.value,
            "genesis": each.genesis,
            "nodes": [
                {"host": node.name, "archival": node.archival}
                | ({"token": shown(node.token)} if node.token else {})
                for node in self.nodes
            ],
            "min_sources": each.min_sources,
            "finality_tag": each.finality.tag,
            "finality_depth": each.finality.depth,
            "window": each.window if each.family is Family.ALGORAND else None,
            "avm": each.avm,
            "fee_ceiling": each.fee_ceiling,
            **self.treasury.shown(),
            "native_currency": each.native_currency,
            "native_decimals": each.native_decimals,
            "poll_milliseconds": each.poll // timedelta(milliseconds=1),
            "replace_after_seconds": each.replace_after // timedelta(seconds=1),
            "explorer_transaction": each.explorer_transaction,
            "explorer_address": each.explorer_address,
            "explorer_token": each.explorer_token,
            "explorer_application": each.explorer_application,
        }
        return {
            key: {"value": value, "from": self.origins.get(key, Origin.DEFAULT).value}
            for key, value in values.items()
            if value is not None
        }


def shown(secret: str | None) -> str | None:
    """That there is a secret, and nothing else."""
    return None if secret is None else "…"


def shipped() -> Mapping[str, Mapping[str, Any]]:
    """The networks of `networks.toml`, by CAIP-2 name, as they are written there."""
    text = (files("entrypoints") / "networks.toml").read_text("utf-8")
    networks: dict[str, dict[str, Any]] = tomllib.loads(text)["networks"]
    return networks


def read_networks(section: object) -> tuple[tuple[NetworkSettings, ...], list[str]]:
    """What ``[networks]`` of the operator's file means, and all that is wrong with it."""
    if not isinstance(section, dict) or not section:
        return (), ['no network is configured: add [networks."eip155:…"] to the file']
    known = shipped()
    found, faults = list[NetworkSettings](), list[str]()
    for name, entry in section.items():
        if not isinstance(entry, dict):
            faults.append(f'[networks."{name}"] is no table')
            continue
        table = _Table(entry, known.get(name))
        network = _network(table, name)
        faults += [f'[networks."{name}"] {fault}' for fault in table.faults]
        if network is not None:
            found.append(network)
    return tuple(found), faults


class _Table:
    """One network, taken apart key by key; what nobody took was misspelt."""

    def __init__(self, own: Mapping[str, Any], base: Mapping[str, Any] | None) -> None:
        self.faults: list[str] = []
        self.origins: dict[str, Origin] = {}
        self.is_shipped = base is not None
        self._own, self._base = dict(own), dict(base or {})
        for key in IDENTITY:
            if key in self._own and key in self._base and self._own[key] != self._base[key]:
                self.fault(key, f"is {self._base[key]} for this network, and never another")
                del self._own[key]
        if any(key in self._own for key in FINALITY):
            for key in FINALITY:
                self._base.pop(key, None)

    def fault(self, key: str, what: str) -> None:
        self.faults.append(f"{key}: {what}")

    def look(self, key: str, parse: Callable[[Any], T], *default: T | None) -> T | None:
        """The value of *key*; None where it is wrong, or missing and has no default."""
        origin = Origin.FILE if key in self._own else Origin.SHIPPED
        value = self._own.pop(key, self._base.pop(key, None))
        if value is None:
            self.origins[key] = Origin.DEFAULT
            if not default:
                self.fault(key, "is missing" + ("" if self.is_shipped else _SAY_IT_ALL))
            return default[0] if default else None
        self.origins[key] = origin
        try:
            return parse(value)
        except (TypeError, ValueError) as error:
            self.fault(key, str(error))
            return None

    def take(self, key: str, parse: Callable[[Any], T], *default: T) -> T:
        """As `look`; nothing may be made of it before it is known that there is no fault."""
        return self.look(key, parse, *default)  # type: ignore[return-value]  # None: a fault

    def nothing_is_left(self) -> None:
        for key in sorted(self._own):
            self.fault(key, "is unknown")


_SAY_IT_ALL = "; this is none of the networks that are shipped, so it is said in full"


def _network(found: _Table, name: str) -> NetworkSettings | None:
    family = found.look("family", _among(Family))
    if family is not None and not NAMES[family].fullmatch(name):
        found.faults.append(f"is no CAIP-2 name of the family {family.value}")
    network_class = found.look("class", _among(NetworkClass))
    display_name = found.take("name", _text)
    genesis = _genesis(found, family, name)
    nodes = found.look("nodes", _endpoints)
    min_sources = _min_sources(found, network_class, nodes)
    finality = _finality(found)
    fee_ceiling = found.take("fee_ceiling", _from(1))
    currency = found.take("native_currency", _text)
    decimals = found.take("native_decimals", _from(0, 36), DECIMALS[family or Family.EVM])
    poll = found.take("poll_milliseconds", _from(1), 1000)
    replace_after = found.take("replace_after_seconds", _from(1), 60)
    window = 150 if family is Family.EVM else _window(found, network_class)
    avm = None if family is Family.EVM else _avm(found, network_class)
    treasury = read_treasury(found, family, fee_ceiling, _from(0))
    transaction = found.look("explorer_transaction", _link, None)
    address = found.look("explorer_address", _link, None)
    token = found.look("explorer_token", _link, None)
    application = None if family is Family.EVM else found.look("explorer_application", _link, None)
    found.nothing_is_left()
    if found.faults or not (family and network_class and nodes and finality):
        return None
    network = Network(
        id=NetworkId(name),
        name=display_name,
        family=family,
        network_class=network_class,
        finality=finality,
        fee_ceiling=fee_ceiling,
        native_currency=currency,
        native_decimals=decimals,
        poll=timedelta(milliseconds=poll),
        replace_after=timedelta(seconds=replace_after),
        explorer_transaction=transaction,
        explorer_address=address,
        explorer_token=token,
        explorer_application=application,
        genesis=genesis,
        min_sources=min_sources,
        window=window,
        avm=avm,
    )
    return NetworkSettings(network=network, nodes=nodes, treasury=treasury, origins=found.origins)


def _genesis(found: _Table, family: Family | None, name: str) -> str | None:
    """The whole genesis hash: the network's name holds but three quarters of it."""
    if family is Family.EVM:
        return None
    genesis = found.look("genesis", _hash, *([] if family else [None]))
    if genesis is not None and family:
        reference = urlsafe_b64encode(b64decode(genesis)).decode()[:32]
        if name != f"algorand:{reference}":
            found.fault("genesis", f"is of algorand:{reference}, which is another network")
    return genesis


def _finality(found: _Table) -> Finality | None:
    known = len(found.faults)
    tag = found.look("finality_tag", _tag, None)
    depth = found.look("finality_depth", _from(0), None)
    if len(found.faults) > known:
        return None
    if (tag is None) == (depth is None):
        found.fault("finality_tag, finality_depth", "one of the two must be said")
        return None
    return Finality(tag=tag, depth=depth)


def _window(found: _Table, network_class: NetworkClass | None) -> int:
    """In rounds.

    That one passed unused is read from all of its rounds, after the last one.  Nodes that are not
    archival keep 1,000: what is left of them is the time in which a worker has to look.
    """
    window = found.look("window", _from(20, 1000), 150)
    if window and window > 500 and network_class not in {None, NetworkClass.DEVELOPMENT}:
        found.fault(
            "window",
            f"is {window}, and must not be above 500 but on networks of class development: what "
            "became of a transaction is proven by all rounds of its window after it is over, and "
            "nodes that are not archival keep the last 1,000 rounds",
        )
    return window or 150


def _avm(found: _Table, network_class: NetworkClass | None) -> int | None:
    """As far as nothing is said: what local nodes run, and what every chain in use does."""
    default = 12 if network_class is NetworkClass.DEVELOPMENT else 10
    return found.look("avm", _from(1, HIGHEST_AVM), default)


def _min_sources(
    found: _Table, network_class: NetworkClass | None, nodes: tuple[Endpoint, ...] | None
) -> int:
    default = 1 if network_class in {None, NetworkClass.DEVELOPMENT} else 2
    wanted = found.look("min_sources", _from(1), default)
    if wanted and nodes and wanted > len(nodes):
        found.fault(
            "min_sources",
            f"is {wanted}, and nodes has {len(nodes)}: list more, those of another operator "
            "too (nodes replaces what is shipped), or say min_sources = 1 to believe one alone",
        )
    return wanted or default


def _endpoints(value: Any) -> tuple[Endpoint, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of at least one node")
    found: dict[Hashable, Endpoint] = {}
    for number, entry in enumerate(value, 1):
        endpoint = _endpoint(entry, f"number {number}")
        if found.setdefault(endpoint.place, endpoint) is not endpoint:
            raise ValueError(f"number {number} is there twice; it would be believed twice")
    return tuple(found.values())


def _endpoint(value: Any, place: str) -> Endpoint:
    if isinstance(value, str):
        return Endpoint(url=_url(value, place))
    if not isinstance(value, dict):
        raise TypeError(f"{place} must be a URL, or a table with one")
    if strange := sorted(value.keys() - {"url", "token", "token_file", "archival"}):
        raise ValueError(f"{place} has unknown keys: {', '.join(strange)}")
    archival = value.get("archival", False)
    if not isinstance(archival, bool):
        raise TypeError(f"{place} has an archival that is neither true nor false")
    return Endpoint(
        url=_url(value.get("url"), place), token=_token(value, place), archival=archival
    )


def _url(value: Any, place: str) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        usable = parts and parts.scheme in {"http", "https"} and parts.hostname
        _ = parts and parts.port  # a port that is none is found when it is asked for
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{place} needs a url, http://… or https://…")
    return str(value)


def _token(value: Mapping[str, Any], place: str) -> str | None:
    if "token" in value and "token_file" in value:
        raise ValueError(f"{place} has both token and token_file")
    token = _text_of(value["token_file"], place) if "token_file" in value else value.get("token")
    if token is not None and (not isinstance(token, str) or not TOKEN.fullmatch(token)):
        raise ValueError(f"{place} has a token that is no word of printable ASCII")
    return token


def _text_of(file: Any, place: str) -> str:
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{place} has a token_file that cannot be read: {file}") from error


def _among(kind: type[E]) -> Callable[[Any], E]:
    def parse(value: Any) -> E:
        try:
            return kind(value)
        except ValueError:
            names = ", ".join(str(each.value) for each in kind)
            raise ValueError(f"must be one of {names}") from None

    return parse


def _from(least: int, most: int | None = None) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if type(value) is not int or value < least or (most is not None and value > most):
            limits = f"from {least} to {most}" if most is not None else f"not below {least}"
            raise ValueError(f"must be a whole number, {limits}")
        return value

    return parse


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _tag(value: Any) -> str:
    # `latest` is a tag of nodes too, and nothing would ever be final under it.
    if value not in ("finalized", "safe"):
        raise ValueError("must be finalized or safe")
    return str(value)


def _hash(value: Any) -> str:
    wrong = ValueError("must be the whole genesis hash, 32 bytes in base64")
    if not isinstance(value, str):
        raise wrong
    try:
        decoded = b64decode(value, validate=True)
    except ValueError:
        raise wrong from None
    # What is compared with the node's own words is spelt as nodes spell it.
    if len(decoded) != 32 or b64encode(decoded).decode() != value:
        raise wrong
    return value


def _link(value: Any) -> str:
    if not isinstance(value, str) or "{}" not in value or not re.match("https?://", value):
        raise ValueError("must be a link with {} for the id")
    return value
