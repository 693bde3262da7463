"""Amounts of money: integers in minor units of an ISO 4217 currency, and never a `float`."""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from attrs import field, frozen, validators

#: Digits of the minor unit that are not two (ISO 4217, list one, in the state of 2024-06-25).
_OTHER_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
         "VND", "VUV", "XAF", "XOF", "XPF"),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
_TWO_DIGITS: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ
GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD
MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW ZWL
""".split()  # noqa: SIM905 - one name per line would be three pages
#: How many digits the minor unit of each currency has: cents of USD two, JPY none.
DIGITS: Final[Mapping[str, int]] = dict.fromkeys(_TWO_DIGITS, 2) | _OTHER_DIGITS

#: What amounts may come to, in minor units: they are kept in 64 bits and added up.
MOST_MINOR: Final = 10**15

_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,4}))?")


@frozen(kw_only=True)
class Money:
    amount_minor: int = field(
        validator=validators.and_(validators.instance_of(int), validators.ge(0))
    )
    currency: str = field(validator=validators.in_(DIGITS))

    @classmethod
    def parse(cls, amount: str, currency: str) -> "Money":
        """*amount* in whole units, as a decimal: ``1250000.00``.

        Raises: ValueError: not that, finer than the currency's minor unit, or above `MOST_MINOR`.
        """
        digits = DIGITS.get(currency)
        if digits is None:
            raise ValueError(f"{currency} is no currency of ISO 4217")
        found = _AMOUNT.fullmatch(amount)
        if found is None:
            raise ValueError("an amount is decimal digits, with a point where it has a fraction")
        whole, fraction = found[1], found[2] or ""
        if len(fraction) > digits:
            raise ValueError(f"{currency} has {digits} digits behind the point")
        minor = int(whole) * 10**digits + int(fraction.ljust(digits, "0") or "0")
        if minor > MOST_MINOR:
            raise ValueError(f"at most {MOST_MINOR // 10**digits} {currency}")
        return cls(amount_minor=minor, currency=currency)

    @property
    def decimal(self) -> str:
        """In whole units, with all digits of the minor one."""
        return shown(self.amount_minor, self.currency)


@frozen(kw_only=True)
class Rate:
    """What one whole coin of a network was worth."""

    #: In whole units of `currency`; exact.
    price: Decimal = field()
    currency: str = field(validator=validators.in_(DIGITS))
    #: Who said so.
    source: str = field(validator=validators.min_len(1))
    #: When it was so.
    at: datetime

    @price.validator
    def _is_a_price(self, _: object, value: Decimal) -> None:
        if not value.is_finite() or value <= 0:
            raise ValueError(f"a coin is worth something: {value}")

    def minor_units(self, cost: int, decimals: int) -> Fraction:
        """What *cost* base units of a coin with *decimals* are worth; not rounded."""
        units = Fraction(10 ** DIGITS[self.currency], 10**decimals)
        return Fraction(self.price) * cost * units


def half_up(amount: Fraction) -> int:
    """To the nearest whole number; a half goes up."""
    return int((2 * amount + 1) // 2)


def shown(amount_minor: int, currency: str) -> str:
    """*amount_minor* in whole units: ``12.30`` of 1230 cents; negative ones too."""
    digits = DIGITS[currency]
    sign, value = ("-" if amount_minor < 0 else ""), str(abs(amount_minor)).rjust(digits + 1, "0")
    return f"{sign}{value}" if not digits else f"{sign}{value[:-digits]}.{value[-digits:]}"
