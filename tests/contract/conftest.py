"""Contract tests run once for every adapter that offers the port: see ``subjects/``."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.contract import subjects

PORTS = (
    "store",
    "sealed_store",
    "seal_state",
    "verification",
    "public_keys",
    "chain",
    "gruff_node",
    "patient_chain",
    "counting_chain",
    "windowed_chain",
    "forgetful_chain",
    "ordering_chain",
    "custodian",
    "key_wrapping",
    "cipher",
    "clock",
    "identifiers",
    "passwords",
    "metadata_store",
    "payments",
    "file_store",
    "table_format",
    "egress",
    "seed_signing",
    "mailing",
    "telemetry",
    "identity_provider",
)


def offering(port: str) -> list[object]:
    names = [module.name for module in pkgutil.iter_modules(subjects.__path__)]
    modules = [(name, import_module(f"tests.contract.subjects.{name}")) for name in names]
    return [
        pytest.param(getattr(module, port), id=name)
        for name, module in modules
        if hasattr(module, port)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for port in PORTS:
        if port in metafunc.fixturenames:
            metafunc.parametrize(port, offering(port), indirect=True)


def _subject(request: pytest.FixtureRequest) -> Iterator[object]:
    with request.param() as subject:
        yield subject


store = pytest.fixture(_subject, name="store")
verification = pytest.fixture(_subject, name="verification")
public_keys = pytest.fixture(_subject, name="public_keys")
seal_state = pytest.fixture(_subject, name="seal_state")
sealed_store = pytest.fixture(_subject, name="sealed_store")
chain = pytest.fixture(_subject, name="chain")
gruff_node = pytest.fixture(_subject, name="gruff_node")
patient_chain = pytest.fixture(_subject, name="patient_chain")
counting_chain = pytest.fixture(_subject, name="counting_chain")
windowed_chain = pytest.fixture(_subject, name="windowed_chain")
forgetful_chain = pytest.fixture(_subject, name="forgetful_chain")
ordering_chain = pytest.fixture(_subject, name="ordering_chain")
custodian = pytest.fixture(_subject, name="custodian")
key_wrapping = pytest.fixture(_subject, name="key_wrapping")
cipher = pytest.fixture(_subject, name="cipher")
clock = pytest.fixture(_subject, name="clock")
identifiers = pytest.fixture(_subject, name="identifiers")
passwords = pytest.fixture(_subject, name="passwords")
metadata_store = pytest.fixture(_subject, name="metadata_store")
payments = pytest.fixture(_subject, name="payments")
file_store = pytest.fixture(_subject, name="file_store")
table_format = pytest.fixture(_subject, name="table_format")
egress = pytest.fixture(_subject, name="egress")
seed_signing = pytest.fixture(_subject, name="seed_signing")
mailing = pytest.fixture(_subject, name="mailing")
telemetry = pytest.fixture(_subject, name="telemetry")
identity_provider = pytest.fixture(_subject, name="identity_provider")
