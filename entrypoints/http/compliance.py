"""What holders of a token have to know of it, as its chain shows it, in plain words."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import asdict

from application.tokens.inspect import Inspection
from domain.audit import timestamp
from domain.identifiers import Prefix, public_id
from domain.token import Action, Indicators, Power, TokenState
from entrypoints.http.representations import Document, block
from entrypoints.http.timeline import in_units

QUESTIONS: Mapping[Power, str] = {
    Power.MANAGE: "Who can change who has these powers",
    Power.MINT: "Who can create more units",
    Power.BURN: "Who can destroy units",
    Power.PAUSE: "Who can stop all transfers",
    Power.FREEZE: "Who can stop the transfers of one holder",
    Power.CLAWBACK: "Who can move or destroy what somebody else holds",
    Power.UPGRADE: "Who can replace the program",
    Power.RESERVE: "Whose holding counts as not issued yet",
}

#: What an indicator says where it is true, and where it is not.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "is_mintable": ("More units can be created.", "Nobody can create more units now."),
    "is_burnable": ("Units can be destroyed.", "Nobody has the power to destroy units."),
    "is_pausable": ("All transfers can be stopped at once.", "Nobody can stop all transfers."),
    "is_paused": ("All transfers are stopped now.", "Transfers are not stopped."),
    "has_freeze": (
        "The transfers of one holder can be stopped.",
        "Nobody can stop the transfers of one holder.",
    ),
    "has_clawback": (
        "What somebody holds can be moved or destroyed without them.",
        "Nobody can move or destroy what somebody else holds.",
    ),
    "is_frozen_by_default": (
        "A new holder can do nothing with it until that is allowed.",
        "A new holder can use it at once.",
    ),
    "is_supply_fixed": (
        "The number of units can never change.",
        "The number of units can change.",
    ),
    "has_cap": ("There can never be more than {cap}.", "The token names no highest number."),
    "is_metadata_immutable": (
        "The description that it points at cannot change unnoticed: the token has its hash.",
        "The description that it points at can change, and nothing in the token tells.",
    ),
    "is_upgradeable": ("Its program can be replaced.", "Its program can never be replaced."),
    "code_matches": (
        "Its program is the one that was issued.",
        "Its program is not the one that was issued.",
    ),
    "supply_matches": (
        "There are as many units as were ordered: {supply}.",
        "There are {supply}, and {expected} were ordered.",
    ),
}


def indicators(
    each: Inspection, found: TokenState, actions: Iterable[Action], now: datetime
) -> Document:
    """Those of the token *found*, whose kind knows *actions*."""
    deployment, wanted = each.deployment, each.expected
    values: dict[str, bool | None] = {
        **asdict(Indicators.of(actions, found)),
        "code_matches": found.code == wanted.code,
        "supply_matches": found.supply == wanted.supply,
    }
    amounts = {
        "supply": _shown(found, found.supply),
        "expected": _shown(found, wanted.supply),
        "cap": _shown(found, found.cap or 0),
    }
    return {
        "token": public_id(Prefix.TOKEN, deployment.id),
        "network": deployment.network,
        "kind": deployment.token.kind,
        "address": deployment.result,
        "issuer": deployment.owner,
        **values,
        "sentences": {name: _sentence(name, value, amounts) for name, value in values.items()},
        "powers": [_power(power, found, each.owner) for power in Power],
        "supply": str(found.supply),
        "expected_supply": str(wanted.supply),
        "cap": None if found.cap is None else str(found.cap),
        "differences": list(each.differences),
        "operations_under_way": each.under_way,
        "declared": {
            "token": dict(deployment.token.parameters),
            "metadata": dict(deployment.metadata),
            "url": found.url,
            "metadata_hash": found.metadata_hash,
        },
        "block": block(found.at),
        "checked_at": timestamp(now),
    }


def _sentence(name: str, value: bool | None, amounts: Mapping[str, str]) -> str:
    if value is None:
        return "It points at no description."
    true, false = SENTENCES[name]
    return (true if value else false).format(**amounts)


def _power(power: Power, found: TokenState, issuer: str | None) -> Document:
    holders = found.powers.get(power, ())
    words = [f"{each} (the issuing account)" if each == issuer else each for each in holders]
    return {
        "power": power.value,
        "sentence": f"{QUESTIONS[power]}: {', '.join(words) or 'nobody'}.",
        "holders": [{"address": each, "is_issuer": each == issuer} for each in holders],
    }


def _shown(found: TokenState, amount: int) -> str:
    return in_units(amount, found.decimals, found.symbol)
