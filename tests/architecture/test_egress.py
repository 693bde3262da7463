"""Nobody but the guard asks URLs of members: who imports a client of HTTP at all is listed."""

import ast

import pytest

from tests.architecture.house import ROOT, modules_of

#: What can ask a URL, or open a connection to one.
CLIENTS = {
    "aiohttp", "ftplib", "http.client", "httpcore", "httpx", "requests", "smtplib", "socket",
    "urllib.request", "urllib3", "websockets",
}  # fmt: skip
#: Who may, and whose URLs these are.  A new line is a decision: are they really the operator's?
ALLOWED = {
    "adapters/egress/": "members': this is the guard",
    "adapters/line/": "nodes of the configuration",
    "adapters/algorand/development.py": "the same, for an exception's name",
    "adapters/algorand/node.py": "the same, for an exception's name",
    "adapters/evm/json_rpc.py": "the same, for an exception's name",
    "adapters/ipfs/metadata.py": "an IPFS node of the configuration",
    "adapters/smtp/": "a mail server of the configuration",
    "adapters/vault/": "a Vault of the configuration, for an exception's name",
    "entrypoints/commands/listen.py": "of whoever runs the command, on their machine",
    "entrypoints/demo/": "of servers that the demo has started",
    "entrypoints/devnet/": "of servers of our own, for development",
}
#: Adapters whose SDKs ask what the configuration names.
SDKS = {"boto3", "botocore", "hvac", "stripe", "web3", "algosdk"}


def imported_by(module):
    for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_a_client(name):
    return any(name == client or name.startswith(f"{client}.") for client in CLIENTS)


SHIPPED = [
    module
    for package in ("domain", "application", "adapters", "entrypoints")
    for module in modules_of(package)
]


@pytest.mark.parametrize("module", SHIPPED, ids=str)
def test_who_asks_urls_is_known(module):
    clients = {name for name in imported_by(module) if is_a_client(name)}
    assert not clients or any(str(module).startswith(place) for place in ALLOWED), clients


def test_nobody_is_listed_in_vain():
    for place in ALLOWED:
        assert any(
            is_a_client(name)
            for module in SHIPPED
            if str(module).startswith(place)
            for name in imported_by(module)
        ), place


def test_what_tells_members_knows_no_client_and_no_adapter():
    for module in modules_of("application"):
        names = {name.partition(".")[0] for name in imported_by(module)}
        assert not names & (SDKS | {"adapters", "httpx", "socket"}), module


def test_the_guard_is_the_only_egress_that_is_put_together():
    """Whoever takes the port gets the guard, from the one place that makes it."""
    makers = {
        str(module)
        for module in modules_of("entrypoints")
        if "Guard" in (ROOT / module).read_text("utf-8")
        or 'adapter("egress")' in (ROOT / module).read_text("utf-8")
    }
    assert makers == {"entrypoints/assembly.py"}
