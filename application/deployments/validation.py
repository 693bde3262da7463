"""Whether a token may be asked for: every fault of it, before anything is stored."""

from collections.abc import Mapping

from attrs import evolve, frozen

from application.ports.chain import Chain
from domain.errors import FieldFault, Refusal
from domain.identifiers import NetworkId
from domain.token import Token, TokenKind


@frozen(kw_only=True)
class ValidateToken:
    chains: Mapping[NetworkId, Chain]

    def __call__(
        self, network: str, kind: str, parameters: Mapping[str, object]
    ) -> Token | tuple[FieldFault, ...]:
        """The specification, or all that is wrong: pointers are into the request's body."""
        chain = self.chains.get(NetworkId(network))
        if chain is None:
            known = ", ".join(sorted(self.chains))
            return (FieldFault("/network", "unknown_network", f"networks here: {known}"),)
        kinds = [description.kind for description in chain.kinds()]
        if kind not in kinds:
            message = f"kinds of {network}: {', '.join(sorted(kinds))}"
            return (FieldFault("/kind", "unknown_kind", message),)
        token = chain.token(TokenKind(kind), parameters)
        if isinstance(token, Refusal):
            return tuple(evolve(f, pointer=f"/token{f.pointer}") for f in token.faults)
        return token
