"""An ASA by algod's raw HTTP: JSON, nothing of ours and no SDK."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

from entrypoints.demo.story import Issued


def differences(node: str, issued: Issued) -> Iterator[str]:
    """Every promise about a fungible ASA that does not hold."""
    wanted = issued.order.token
    asset = _get(node, f"/v2/assets/{issued.address}")
    if asset is None:
        yield f"there is no asset {issued.address}"
        return
    found = asset["params"]
    facts: dict[str, object] = {
        "name": wanted["name"],
        "unit-name": wanted["unit_name"],
        "decimals": wanted["decimals"],
        "total": int(str(wanted["total"])),
        "url": wanted["url"],
        "creator": issued.owner,
        "manager": issued.owner,
        "reserve": issued.owner,
        "freeze": issued.owner,
        "clawback": issued.owner,
    }
    for name, promised in facts.items():
        if found.get(name) != promised:
            yield f"{name} is {found.get(name)!r} on chain, {promised!r} was promised"
    account = _get(node, f"/v2/accounts/{issued.owner}") or {}
    created = [each["index"] for each in account.get("created-assets", [])]
    if created != [int(issued.address)]:
        yield f"the issuer has made {created}, and was asked for {issued.address}"
    held = {each["asset-id"]: each["amount"] for each in account.get("assets", [])}
    if held.get(int(issued.address)) != facts["total"]:
        yield f"the issuer holds {held}, {facts['total']} of {issued.address} were promised"


def _get(node: str, path: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{node}{path}", timeout=10) as answer:  # noqa: S310 - ours
            content: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        if error.code == 404:
            return None
        raise
    return content
