"""Another key for an address, on a chain whose addresses can be ruled by any key.

It is an operation on the same machine as deployments: what it is about has the form of a token,
of a kind that chains know by this name and offer to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from domain.catalogue import KindClass
from domain.errors import MisuseError
from domain.token import KindDescription, Parameters, Token, TokenKind

REKEY = TokenKind("account_rekey")
#: How a chain describes this kind, as it does those of tokens.
DESCRIPTION = KindDescription(
    kind=REKEY,
    standard="rekey",
    kind_class=KindClass.CORE,
    title="Rekey",
    explanation="An issuing account gets another key.",
    schema={"type": "object"},
)
#: The one step of a rekey.
STEP = "rekey"


@frozen(kw_only=True)
class Rekey:
    #: The address that keeps its name.
    account: str
    #: The address of the key that is to sign for it from then on.
    ruler: str

    @classmethod
    def of(cls, token: Token) -> Rekey:
        """What *token*, made by `as_token`, stands for.

        Raises: MisuseError: it is something else.
        """
        if token.kind != REKEY:
            raise MisuseError(f"a {token.kind} rekeys nothing")
        return cls.stored(token.parameters)

    @classmethod
    def stored(cls, parameters: Mapping[str, object]) -> Rekey:
        """From its own `parameters`."""
        return cls(account=str(parameters["account"]), ruler=str(parameters["ruler"]))

    @property
    def parameters(self) -> Parameters:
        return {"account": self.account, "ruler": self.ruler}

    def as_token(self) -> Token:
        """In the form in which operations say what they are about."""
        return Token(
            kind=REKEY,
            name=self.account,
            symbol="",
            decimals=0,
            supply=0,
            parameters=self.parameters,
        )
