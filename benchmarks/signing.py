"""Signing: signatures a second by each custodian and curve, against the bare curve alone.

A custodian is measured as the application meets it: behind the guard, which verifies what it
signed, and with its register in a store in memory, so that what is told is custody and no
database.  Those whose double is not installed here are left out.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from coincurve import PrivateKey as Secp256k1PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters import local_keys
from adapters.local_keys import LocalKeyWrapping, Verification
from adapters.memory.storage import MemoryStore
from application.custody.guarded import Guarded
from application.custody.registered import RegisteredCustodian
from application.ports.custody import Custodian, KeyHolder
from benchmarks.figures import Figure, Measured, Sides
from domain.identifiers import INSTALLATION, AccountId, InstallationId
from domain.signing import CURVES, Curve, KeyUse, Purpose
from entrypoints.assembly import adapter
from entrypoints.devnet import ministack, softhsm
from entrypoints.devnet.vault import Vault

_INSTALLATION = InstallationId(UUID(int=1))
_PIN = "531642"
_MASTER = LocalKeyWrapping({1: bytes(32)})
#: As long as the transaction that creates an asset.
_TRANSACTION = b"TX" + bytes(500)
_MESSAGES = {
    KeyUse.EVM_ACCOUNT: (Purpose.EVM_TRANSACTION, bytes(range(32))),
    KeyUse.ALGORAND_ACCOUNT: (Purpose.ALGORAND_TRANSACTION, _TRANSACTION),
}
_NOTES = {
    "ours": "signatures through the guard (S lowered, verified under the pinned key), one caller",
    "limit": "coincurve or OpenSSL, one caller, key in memory, nothing verified",
}


@contextmanager
def _in_local_keys() -> Iterator[Custodian]:
    yield local_keys.over(MemoryStore(), _MASTER)


@contextmanager
def _in_a_token() -> Iterator[Custodian]:
    folder = Path(tempfile.mkdtemp(prefix="tallystick-bench-"))
    made = softhsm.set_up(folder)
    os.environ.update(made.environment)
    try:
        address = made.add_token(f"bench-{uuid4().hex[:8]}", _PIN)
        yield _registered("pkcs11", adapter("pkcs11").connect(address, {"pin": _PIN}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_vault() -> Iterator[Custodian]:
    with Vault() as server:
        yield _registered("vault", adapter("vault").connect(server.url, {"token": server.root}))


@contextmanager
def _in_kms() -> Iterator[Custodian]:
    with ExitStack() as stack:
        running = ministack.MiniStack().start()
        stack.callback(running.stop)
        os.environ.update(ministack.CREDENTIALS)
        yield _registered("aws-kms", adapter("aws-kms").connect(running.address, {}))


_CUSTODIANS = {
    "local_keys": (_in_local_keys, None),
    "pkcs11": (_in_a_token, softhsm.problem),
    "vault": (_in_vault, None),
    "aws_kms": (_in_kms, ministack.problem),
}


def _registered(scheme: str, holder: KeyHolder) -> Custodian:
    return RegisteredCustodian(
        scheme=scheme,
        holder=holder,
        store=MemoryStore(),
        wrapping=_MASTER,
        installation=_INSTALLATION,
    )


@contextmanager
def _sides(name: str, use: KeyUse) -> Iterator[Sides]:
    purpose, message = _MESSAGES[use]
    with _CUSTODIANS[name][0]() as custodian:
        guarded = Guarded(custodian=custodian, verifies=Verification(), installation=_INSTALLATION)
        key = guarded.create_key(INSTALLATION, AccountId(uuid4()), CURVES[use], use).key
        yield Sides(
            ours=_repeated(lambda: guarded.sign(key, message, purpose)),
            limit=_repeated(_bare(CURVES[use], message)),
            notes=_NOTES,
        )


def _bare(curve: Curve, message: bytes) -> Callable[[], object]:
    if curve is Curve.ED25519:
        return partial(Ed25519PrivateKey.generate().sign, message)
    return partial(Secp256k1PrivateKey().sign_recoverable, message, hasher=None)


def _repeated(act: Callable[[], object]) -> Callable[[float], Measured]:
    def measured(seconds: float) -> Measured:
        count, begun = 0, time.perf_counter()
        while (taken := time.perf_counter() - begun) < seconds:
            act()
            count += 1
        return Measured(rate=count / taken, count=count)

    return measured


FIGURES = tuple(
    Figure(
        name=f"signing_{name}_{CURVES[use].value}",
        what=f"signatures a second by {name.replace('_', '-')} on {CURVES[use].value}",
        against="the bare curve in this process",
        prepare=partial(_sides, name, use),
    )
    for name, (_, problem) in _CUSTODIANS.items()
    if problem is None or problem() is None
    for use in _MESSAGES
)
