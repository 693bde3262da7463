"""What the configuration says of the documents that tokens point at, and what is wrong with it."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from domain.network import Family, Network, NetworkClass
from entrypoints.network_settings import NetworkSettings

LOCAL = "local"
#: Of an asset's URL, in bytes (go-algorand, config/consensus.go: MaxAssetURLBytes).
_LONGEST = 96
#: What stands behind the base: ``/m/``, a SHA-256 in base64, and the ending of ARC-3.
_REST = len("/m/") + 43 + len("#arc3")

_STORE = "TALLYSTICK_METADATA_STORE ([metadata] store)"
_URL = "TALLYSTICK_METADATA_URL ([metadata] url)"
_BASE_URL = "TALLYSTICK_HTTP_BASE_URL ([http] base_url)"

# No user, no path.
_SITE = re.compile(r"https?://[^/?#@\s]+/?", re.ASCII)


def faults_of(
    store: str, url: str | None, base_url: str, networks: Sequence[NetworkSettings]
) -> Iterator[str]:
    """Every fault; asks nobody."""
    if store != LOCAL and not _is_ipfs(store):
        yield f"{_STORE} must be {LOCAL} or the API of an IPFS node, ipfs+http://127.0.0.1:5001"
    if url is not None and not (_SITE.fullmatch(url) and _has_host(url)):
        yield f"{_URL} must be a URL without a path, like https://meta.example.com"
        return
    pointing = [each.network for each in networks if each.network.family is Family.ALGORAND]
    if store != LOCAL or not pointing:
        return
    name, base = (_BASE_URL, base_url) if url is None else (_URL, url)
    room = _LONGEST - _REST
    if len(base.rstrip("/").encode()) > room:
        yield (
            f"{name} has more than {room} bytes, which is what an asset's URL leaves to it; say a "
            f"shorter one as {_URL}"
        )
    # Where nobody has chosen an address for documents, there are none (`may_point_at`).
    if url is not None and not all(may_point_at(url, each) for each in pointing):
        yield f"{_URL} must begin with https://: assets on networks in use point there for ever"


def may_point_at(url: str, network: Network) -> bool:
    """Whether tokens of *network* may point at a document there: ARC-3 wants https or ipfs."""
    return network.network_class is NetworkClass.DEVELOPMENT or not url.startswith("http://")


def _is_ipfs(store: str) -> bool:
    scheme, _, address = store.partition("+")
    return scheme == "ipfs" and address.startswith(("http://", "https://")) and _has_host(address)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) and not parts.query and not parts.fragment
