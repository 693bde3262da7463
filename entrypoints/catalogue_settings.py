"""The catalogue of the configuration: a file of ours that is named, or one of the operator's.

``[catalogue] file`` is the name of a shipped one (`catalogues/*.toml`) or a path.  It is read
once, when a process starts; a changed file counts after a restart.  Every fault is gathered, and
names its table and key.  Fractions are read as decimals: no binary ones come near money.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from domain.catalogue import (
    NAME,
    OWN_OPERATIONS,
    Catalogue,
    Fees,
    KindClass,
    Pack,
    PackName,
    Price,
    Tariff,
    TariffName,
)
from domain.money import DIGITS
from domain.network import NetworkClass

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

DEFAULT: Final = "tokens"
_TYPICAL: Final = "a to z, digits and _, at most 40"


def shipped() -> tuple[str, ...]:
    """Names of the catalogues that come with the program."""
    found = (files("entrypoints") / "catalogues").iterdir()
    return tuple(sorted(each.name.removesuffix(".toml") for each in found))


def read_catalogue(file: str) -> tuple[Catalogue | None, list[str]]:
    """What *file*, a shipped one's name or a path, sells; and all that is wrong with it."""
    try:
        if file in shipped():
            text = (files("entrypoints") / "catalogues" / f"{file}.toml").read_text("utf-8")
        else:
            text = Path(file).read_text("utf-8")
        content = tomllib.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        names = ", ".join(shipped())
        return None, [f"{file} cannot be read; name one of {names}, or a path: {error}"]
    found, faults = parse_catalogue(content)
    return found, [f"{file}: {fault}" for fault in faults]


def parse_catalogue(content: Mapping[str, Any]) -> tuple[Catalogue | None, list[str]]:
    """As `read_catalogue`, of TOML that was read with decimals for fractions."""
    faults: list[str] = []
    top = _Table(content, "", faults)
    name = top.take("name", _word(NAME.fullmatch, _TYPICAL))
    currency = top.take("currency", _word(DIGITS.__contains__, "a code of ISO 4217, such as USD"))
    first = top.look("first_tariff", _word(NAME.fullmatch, _TYPICAL))
    most = top.look("most_credits_per_request", _from(1), 10)
    tariffs = [_tariff(each, name) for name, each in top.tables("tariffs")]
    packs = [_pack(each, name) for name, each in top.tables("packs", may_lack=True)]
    prices = [_price(each, name, most) for name, each in top.tables("operations")]
    top.nothing_is_left()
    priced = content.get("operations")
    missing = [each for each in OWN_OPERATIONS if isinstance(priced, dict) and each not in priced]
    faults += [f"[operations.{each}] is missing" for each in missing]
    free = [each.name for each in tariffs if each and not each.price_minor]
    if first is not None and first not in free and None not in tariffs:
        faults.append(f"first_tariff must be one of those without a price: {', '.join(free)}")
    if faults or first is None or most is None:
        return None, faults
    catalogue = Catalogue(
        name=name,
        currency=currency,
        first_tariff=TariffName(first),
        tariffs={each.name: each for each in tariffs if each},
        packs={each.name: each for each in packs if each},
        operations={each.operation: each for each in prices if each},
        most_credits_per_request=most,
    )
    return catalogue, []


class _Table:
    """One table, taken apart key by key; what nobody took was misspelt."""

    def __init__(self, content: Mapping[str, Any], path: str, faults: list[str]) -> None:
        self._content, self._path, self._faults = dict(content), path, faults
        self._known = len(faults)

    @property
    def is_good(self) -> bool:
        return len(self._faults) == self._known

    def fault(self, key: str, what: str) -> None:
        where = f"[{self._path}] {key}" if self._path else key
        self._faults.append(f"{where} {what}")

    def take(self, key: str, parse: Callable[[Any], T], *default: T) -> T:
        """As `look`; nothing may be made of it before it is known that there is no fault."""
        return self.look(key, parse, *default)  # type: ignore[return-value]  # None: a fault

    def look(self, key: str, parse: Callable[[Any], T], *default: T) -> T | None:
        """The value of *key*; None where it is wrong, or missing and has no default."""
        value = self._content.pop(key, None)
        if value is None:
            if not default:
                self.fault(key, "is missing")
            return default[0] if default else None
        try:
            return parse(value)
        except ValueError as error:
            self.fault(key, f"must be {error}")
            return None

    def tables(self, key: str, *, may_lack: bool = False) -> "Iterable[tuple[str, _Table]]":
        found = self._content.pop(key, {})
        if not isinstance(found, dict) or not (found or may_lack):
            self.fault(key, f"must be tables, [{key}.…]")
            return
        for name, entry in found.items():
            path = f"{key}.{name}"
            if not isinstance(entry, dict):
                self._faults.append(f"[{path}] is no table")
            elif not NAME.fullmatch(name):
                self._faults.append(f"[{path}] must be named by {_TYPICAL}")
            else:
                yield name, _Table(entry, path, self._faults)

    def table(self, key: str) -> "_Table | None":
        """A table within this one, where there is one."""
        if key not in self._content:
            return None
        found = self._content.pop(key)
        if not isinstance(found, dict):
            self.fault(key, "is no table")
            return None
        return _Table(found, f"{self._path}.{key}", self._faults)

    def nothing_is_left(self) -> None:
        for key in sorted(self._content):
            self.fault(key, "is unknown")


def _tariff(table: _Table, name: str) -> Tariff | None:
    price = table.take("price_minor", _from(0))
    is_least = table.take("is_price_least", _boolean, False)
    most = table.take("deployments_per_month", _from(0), None)
    credits_ = table.take("credits_per_month", _from(0))
    classes = table.take("classes", _set_of(KindClass))
    networks = table.take("networks", _set_of(NetworkClass))
    rate = table.take("requests_per_minute", _from(1), None)
    fees = table.table("fees")
    made = None if fees is None else _fees(fees)
    table.nothing_is_left()
    if not table.is_good:
        return None
    return Tariff(
        name=TariffName(name),
        price_minor=price,
        is_price_least=is_least,
        deployments_per_month=most,
        credits_per_month=credits_,
        classes=classes,
        networks=networks,
        fees=made,
        requests_per_minute=rate,
    )


def _fees(table: _Table) -> Fees | None:
    markup = table.take("markup_percent", _percent, 0)
    value = table.take("value_percent", _percent, 0)
    networks = table.take("networks", _set_of(NetworkClass), frozenset({NetworkClass.LIVE}))
    table.nothing_is_left()
    if not table.is_good:
        return None
    return Fees(markup_basis_points=markup, value_basis_points=value, networks=networks)


def _pack(table: _Table, name: str) -> Pack | None:
    price = table.take("price_minor", _from(1))
    credits_ = table.take("credits", _from(1))
    days = table.take("days", _from(1), None)
    table.nothing_is_left()
    if not table.is_good:
        return None
    return Pack(name=PackName(name), price_minor=price, credits=credits_, days=days)


def _price(table: _Table, operation: str, most: int | None) -> Price | None:
    # A hold of nothing is none, and without one nobody asks whether it may begin.
    credits_ = table.look("credits", _from(1))
    is_own = operation in OWN_OPERATIONS
    klass = KindClass.CORE if is_own else table.take("class", _one_of(KindClass))
    if not is_own and credits_ and most and credits_ > most:
        table.fault("credits", f"must not be above most_credits_per_request, {most}")
    table.nothing_is_left()
    if credits_ is None or not table.is_good:
        return None
    return Price(operation=operation, credits=credits_, klass=klass)


def _from(least: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        # Money and credits go into 64 bits, with room to be added up.
        if type(value) is not int or not least <= value <= 10**12:
            raise ValueError(f"a whole number, from {least} to 10^12")
        return value

    return parse


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one kind of fault
    return value


def _percent(value: Any) -> int:
    """In basis points."""
    is_number = isinstance(value, Decimal) or type(value) is int
    points = Decimal(value) * 100 if is_number else Decimal("NaN")
    if not points.is_finite() or not 0 <= points <= 10_000 or points != int(points):
        raise ValueError("a percentage from 0 to 100, with two digits behind the point at most")
    return int(points)


def _word(fits: Callable[[str], object], what: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not fits(value):
            raise ValueError(what)
        return value

    return parse


def _one_of(kind: type[E]) -> Callable[[Any], E]:
    def parse(value: Any) -> E:
        for each in kind:
            if each.value == value:
                return each
        raise ValueError(f"one of {', '.join(str(each.value) for each in kind)}")

    return parse


def _set_of(kind: type[E]) -> Callable[[Any], frozenset[E]]:
    one = _one_of(kind)

    def parse(value: Any) -> frozenset[E]:
        if not isinstance(value, list):
            raise ValueError(f"a list of {', '.join(str(each.value) for each in kind)}")  # noqa: TRY004 - one kind of fault
        return frozenset(one(each) for each in value)

    return parse
