"""What may be asked for of one kind: its fields, what holds between them, the token they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from domain.errors import FieldFault, MisuseError, Refusal
from domain.fields import Field, Value, invalid, out_of_range, read_all
from domain.token import Token, TokenKind

Values = Mapping[str, Value]


def _nothing(_: Values) -> tuple[FieldFault, ...]:
    return ()


@frozen(kw_only=True)
class Specification:
    """*between* tells faults of fields that are sound by themselves."""

    kind: TokenKind
    fields: Sequence[Field]
    token: Callable[[TokenKind, Values], Token]
    between: Callable[[Values], tuple[FieldFault, ...]] = _nothing

    def validated(self, parameters: Mapping[str, object]) -> Token | Refusal:
        """The token that *parameters* ask for, or every fault in them."""
        values, faults = read_all(self.fields, parameters)
        faults += self.between(values)
        return invalid("invalid_token", faults) if faults else self.token(self.kind, values)

    def stored(self, parameters: Mapping[str, object]) -> Token:
        """The token of parameters that `validated` once completed.

        Raises:
            MisuseError: these are not.
        """
        values, faults = read_all(self.fields, parameters)
        if faults or values != dict(parameters):
            message = f"{parameters!r} are not the stored parameters of an {self.kind}"
            raise MisuseError(message)
        return self.token(self.kind, values)


@frozen
class Specifications:
    """Those of several kinds, which differ in their fields only."""

    _of: Mapping[TokenKind, Specification]

    @classmethod
    def over(
        cls,
        fields: Mapping[TokenKind, Sequence[Field]],
        token: Callable[[TokenKind, Values], Token],
        between: Callable[[Values], tuple[FieldFault, ...]] = _nothing,
    ) -> Specifications:
        return cls(
            {
                kind: Specification(kind=kind, fields=each, token=token, between=between)
                for kind, each in fields.items()
            }
        )

    def validated(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        """As `Specification.validated`."""
        return self._of[kind].validated(parameters)

    def stored(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        """As `Specification.stored`."""
        return self._of[kind].stored(parameters)


# Tokens of which so many exist from the start, on whichever network.


def not_above_its_cap(values: Values) -> tuple[FieldFault, ...]:
    if "cap" in values and "initial_supply" in values:
        cap, initial = int(str(values["cap"])), int(str(values["initial_supply"]))
        if initial > cap:
            return (out_of_range("cap", "must not be less than initial_supply"),)
    return ()


def with_supply(kind: TokenKind, values: Values) -> Token:
    """``supply`` is for ever; ``initial_supply`` is what more can be minted to."""
    supply = values["supply"] if "supply" in values else values["initial_supply"]
    return Token(
        kind=kind,
        name=str(values["name"]),
        symbol=str(values["symbol"]),
        decimals=int(values["decimals"] or 0),
        supply=int(str(supply)),
        parameters=values,
    )
