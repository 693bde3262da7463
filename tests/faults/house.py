"""The product as its processes, with a wire that may break before each of its servers."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from attrs import evolve, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from entrypoints.demo.parts import NETWORKS, configure
from entrypoints.devnet import embedded_postgres
from entrypoints.devnet.algod import AlgodProcess
from entrypoints.devnet.anvil import Anvil
from tests.faults.wire import Wire
from tests.whole.processes import House

FAKETIME = "libfaketime.so.1"
_HERE = ipaddress.ip_address("127.0.0.1")
_ELSEWHERE = ipaddress.ip_address("192.0.2.1")
DAY = dt.timedelta(days=1)


@frozen
class Certificates:
    """An authority that our processes trust, and what it says of the EVM node."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(
        factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def found(self) -> None:
        name = _named("Authority of the faults")
        now = dt.datetime.now(dt.UTC)
        made = _certificate(self._key, name, now - DAY, now + DAY).issuer_name(name)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        signed = made.add_extension(identifier, critical=False).sign(self._key, hashes.SHA256())
        self.authority.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def present(
        self, context: ssl.SSLContext, *, expired: bool = False, other: bool = False
    ) -> None:
        """Have *context* show a new certificate to whoever connects from now on."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        end = now - dt.timedelta(minutes=1) if expired else now + DAY
        place = x509.IPAddress(_ELSEWHERE if other else _HERE)
        made = (
            _certificate(key, _named("node"), now - DAY, end)
            .issuer_name(_named("Authority of the faults"))
            .add_extension(x509.SubjectAlternativeName([place]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        file = self.folder / "node.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)


@frozen(kw_only=True)
class Wired:
    """A house, its wires, and what else may be broken."""

    house: House
    evm: Wire
    algorand: tuple[Wire, ...]
    database: Wire
    certificates: Certificates
    #: Where the database lies: a file system of its own, or None.
    disk: Path | None
    #: What is read as each process's clock, or None where the library is not there.
    clocks: dict[str, Path] | None

    def set_clock(self, name: str, ahead_seconds: int) -> None:
        assert self.clocks is not None
        self.clocks[name].write_text(f"{ahead_seconds:+d}")


@contextlib.contextmanager
def wired_house() -> Iterator[Wired]:
    with contextlib.ExitStack() as stack:
        folder = embedded_postgres.temporary_folder()
        disk = stack.enter_context(_disk(folder.parent))
        cluster = (disk or folder) / "postgres"
        database = embedded_postgres.start(cluster)
        stack.callback(embedded_postgres.kill, cluster)
        anvil = Anvil(profile="hard", state=folder / "anvil.json").start()
        stack.callback(anvil.kill)
        algod = AlgodProcess(nodes=2, mode="interval", block_time=0.5, state=folder / "algod")
        algod.start()
        stack.callback(algod.kill)

        certificates = Certificates(folder)
        certificates.found()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificates.present(context)
        evm = stack.enter_context(Wire(_place(anvil.url), tls=context))
        algorand = tuple(stack.enter_context(Wire(_place(url))) for url in algod.urls)
        wire = stack.enter_context(Wire(_place(database)))

        parts = configure(
            folder,
            database=database,
            anvil=f"https://127.0.0.1:{evm.port}",
            algod=[f"http://127.0.0.1:{each.port}" for each in algorand],
            finality="finality_depth = 5",
            request_limit=100_000,
        )
        direct = f":{_place(database)[1]}/"
        known = parts.environment["TALLYSTICK_DATABASE_URL"]
        trust = {
            "SSL_CERT_FILE": str(certificates.authority),
            "REQUESTS_CA_BUNDLE": str(certificates.authority),
        }
        behind = {"TALLYSTICK_DATABASE_URL": known.replace(direct, f":{wire.port}/")}
        parts = evolve(parts, environment={**parts.environment, **trust, **behind})
        clocks = _clocks(folder)
        house = (_ClockedHouse if clocks else House)(
            parts=parts, anvil=anvil, algod=algod, postgres=cluster
        )
        stack.callback(house.stop)
        parts.command("migrate", "--create-login")
        for network in NETWORKS:
            parts.command("treasury", "create", "--network", network)
            parts.command("treasury", "fund", "--network", network, "--amount", "1000000")
        for name in ("serve", "work-1", "work-2"):
            house.start(name)
        parts.await_ready()
        yield Wired(
            house=house,
            evm=evm,
            algorand=algorand,
            database=wire,
            certificates=certificates,
            disk=disk,
            clocks=clocks,
        )


class _ClockedHouse(House):
    """Each process has a clock of its own, which is read from a file."""

    def start(self, name: str) -> None:
        clock = {
            "LD_PRELOAD": str(_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.parts.folder / f"clock-{name}"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        environment = {**self.parts.environment, **clock}
        parts = evolve(self.parts, environment=environment)
        self.running[name] = parts.start(name.partition("-")[0])


@contextlib.contextmanager
def _disk(within: Path) -> Iterator[Path | None]:
    """A small file system, where we may mount one."""
    place = within / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400m,mode=0711", "faults", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _clocks(folder: Path) -> dict[str, Path] | None:
    if _faketime() is None:
        return None
    clocks = {name: folder / f"clock-{name}" for name in ("serve", "work-1", "work-2")}
    for file in clocks.values():
        file.write_text("+0")
    return clocks


def _faketime() -> Path | None:
    """Debian's package `faketime` brings it."""
    folders = (
        Path("/usr/lib/x86_64-linux-gnu/faketime"),
        Path("/usr/lib/aarch64-linux-gnu/faketime"),
    )
    return next((each / FAKETIME for each in folders if (each / FAKETIME).exists()), None)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(str(parts.port))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    key: ec.EllipticCurvePrivateKey, name: x509.Name, begin: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(8)))
        .not_valid_before(begin)
        .not_valid_after(end)
    )
