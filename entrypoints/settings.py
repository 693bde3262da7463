"""Configuration: one TOML file, environment variables over it, every fault at once.

``[database] url`` is ``TALLYSTICK_DATABASE_URL`` in the environment; a secret may also come from a
file that ``TALLYSTICK_…_FILE`` names.  There are no silent defaults for what matters: what is
missing is said, with the variable that would set it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from attrs import define, field, frozen

from domain.abuse import DEFAULT_RULES, AbuseRules
from domain.account import Origin
from domain.catalogue import Catalogue
from domain.gift import DAILY_CAP
from domain.identifiers import (
    InstallationId,
    KeyRef,
    NetworkId,
    Prefix,
    parse_id,
    public_id,
)
from domain.sign_in import SignInRules
from entrypoints import catalogue_settings
from entrypoints.custodian_settings import (
    LOCAL_KEYS,
    SECRETS,
    CustodianSettings,
    read_custodians,
    read_offered,
)
from entrypoints.egress_settings import PORTS, EgressSettings, read_ports
from entrypoints.export_settings import (
    LEAST_PART,
    PART,
    ExportSettings,
    RetentionSettings,
    part_limit,
)
from entrypoints.mail_settings import MailSettings, read_mail
from entrypoints.metadata_settings import LOCAL, faults_of
from entrypoints.network_settings import NetworkSettings, read_networks, shown
from entrypoints.oidc_settings import CALLBACK, OidcSettings, domains, read_oidc
from entrypoints.stripe_settings import API, StripeSettings, read_stripe
from entrypoints.telemetry_settings import TelemetrySettings, read_telemetry
from entrypoints.wrapping_settings import WrappingSettings, read_wrapping

T = TypeVar("T")
D = TypeVar("D")

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9a-fA-F:]+\](:[0-9]+)?")

ENVIRONMENTS = ("development", "test", "production")


class SettingsError(Exception):
    """The configuration cannot be used.  ``faults`` has one sentence for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@frozen(kw_only=True)
class SealSettings:
    #: As a member of tallystick_sealer, at the server itself: no pooler in between.
    database_url: str = field(repr=False)
    #: What was signed last.  On a disk of the sealer's own, not the database's.
    state_file: Path
    #: The one key that may sign; None: the one that the log was opened with.
    key: KeyRef | None
    #: How often what has settled is sealed and signed for.
    every: timedelta

    def redacted(self) -> dict[str, object]:
        return {
            "database_url": shown(self.database_url),
            "state_file": str(self.state_file),
            "key": self.key,
            "every_seconds": self.every // timedelta(seconds=1),
        }


@frozen(kw_only=True)
class Settings:
    installation: InstallationId
    environment: str
    #: As a member of tallystick_app: row-level security is in force.
    database_url: str = field(repr=False)
    #: As a member of tallystick_migrator, for `migrate` only.
    migrator_url: str | None = field(default=None, repr=False)
    #: As a member of tallystick_readonly, for `verify` and `report`; else as the application.
    reader_url: str | None = field(default=None, repr=False)
    database_connections: int = 10
    #: Who holds keys; the first one creates new ones.
    custodians: tuple[CustodianSettings, ...] = (CustodianSettings(scheme=LOCAL_KEYS),)
    #: Schemes of those that organisations may choose.
    offered_custodians: frozenset[str] = frozenset({LOCAL_KEYS})
    #: Where the first keys of organisations' accounts come from.
    account_origin: Origin = Origin.CUSTODIAN
    #: Of `local-keys`: ``<version>:<base64 of 32 bytes>`` per line; empty where others wrap.
    master_keys: str = field(repr=False)
    wrapping: WrappingSettings = field(factory=WrappingSettings)
    networks: tuple[NetworkSettings, ...]
    #: Name of a shipped one, or a path.
    catalogue_file: str = catalogue_settings.DEFAULT
    #: What that file says.
    catalogue: Catalogue
    #: Credits that an organisation may give away per day.
    gift_daily_cap: int = DAILY_CAP
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    #: What clients call us, in links.
    base_url: str = "http://127.0.0.1:8080"
    #: Changing requests per minute and member.
    request_limit: int = 30
    premium_gap: timedelta = DEFAULT_RULES.premium_gap
    output_limit: int = DEFAULT_RULES.output_units
    hourly_credits: int = DEFAULT_RULES.credits_per_hour
    freeze: bool = DEFAULT_RULES.freezes
    #: How many proxies of ours stand in front; their X-Forwarded-For is believed.
    trusted_proxies: int = 0
    #: ``local``, or ``ipfs+`` and the URL of an IPFS node's API: where documents are published.
    metadata_store: str = LOCAL
    #: Where this installation serves documents, if not at `base_url`.
    metadata_url: str | None = None
    #: None: no money is taken here.
    stripe: StripeSettings | None = None
    mail: MailSettings = field(factory=MailSettings)
    #: None: people log in with passwords only.
    oidc: OidcSettings | None = None
    exports: ExportSettings = field(factory=ExportSettings)
    egress: EgressSettings = field(factory=EgressSettings)
    #: None: nothing is sealed by this configuration.
    seal: SealSettings | None = None
    #: Host, and port where it has one: what the log's origin begins with.
    audit_host: str = ""
    retention: RetentionSettings = field(factory=RetentionSettings)
    telemetry: TelemetrySettings = field(factory=TelemetrySettings)
    worker_threads: int = 4
    #: What a worker's deployments leave of a busy processor to others: 0 nothing, 19 most.
    worker_niceness: int = 10
    #: Receivers that are sent to at once.
    webhook_threads: int = 8
    #: How often each issued token is held against its plan.
    drift_check: timedelta = timedelta(minutes=60)
    #: Where checkpoints of the audit trail are put on chain by themselves, and how often.
    anchor_networks: tuple[NetworkId, ...] = ()
    anchor_every: timedelta = timedelta(minutes=60)
    #: How often it is seen what treasuries hold.
    treasury_check: timedelta = timedelta(seconds=30)
    #: `local-keys` outside development only if told so.
    allow_local_keys: bool = False

    @property
    def custodian(self) -> str:
        """Scheme of the custodian that creates new keys."""
        return self.custodians[0].scheme

    @property
    def abuse(self) -> AbuseRules:
        return AbuseRules(
            requests_per_minute=self.request_limit,
            premium_gap=self.premium_gap,
            credits_per_request=self.catalogue.most_credits_per_request,
            output_units=self.output_limit,
            credits_per_hour=self.hourly_credits,
            freezes=self.freeze,
        )

    @property
    def sign_in_rules(self) -> SignInRules:
        return SignInRules() if self.oidc is None else self.oidc.rules

    @property
    def seal_every(self) -> timedelta:
        return timedelta(seconds=5) if self.seal is None else self.seal.every

    @property
    def seal_key(self) -> KeyRef | None:
        return None if self.seal is None else self.seal.key

    @property
    def document_base(self) -> str:
        """What the URL of a document begins with."""
        return (self.metadata_url or self.base_url).rstrip("/")

    @property
    def document_host(self) -> str:
        """The host name that serves documents and nothing else; empty: there is no such."""
        own, ours = (urlsplit(url).hostname or "" for url in (self.document_base, self.base_url))
        return own if own != ours else ""

    def redacted(self) -> dict[str, dict[str, object]]:
        """What may be shown, by section and key of the file; of a secret, that it is there."""
        return {
            "installation": {
                "id": public_id(Prefix.INSTALLATION, self.installation),
                "environment": self.environment,
            },
            "database": {
                "url": shown(self.database_url),
                "migrator_url": shown(self.migrator_url),
                "reader_url": shown(self.reader_url),
                "connections": self.database_connections,
            },
            "custodian": {
                "new_keys": self.custodians[0].redacted,
                "others": [each.redacted for each in self.custodians[1:]],
                "offered": sorted(self.offered_custodians),
            },
            "accounts": {"origin": self.account_origin.value},
            **self._secrets_of_custodians(),
            "local_keys": {
                "master_key": shown(self.master_keys or None),
                "wrap_with": self.wrapping.wrap_with,
                "allow": self.allow_local_keys,
            },
            "wrapping": {"by": self.wrapping.by, "aws_kms_keys": list(self.wrapping.kms_keys)},
            "catalogue": {"file": self.catalogue_file},
            "credits": {"gift_daily_cap": self.gift_daily_cap},
            "http": {
                "host": self.http_host,
                "port": self.http_port,
                "base_url": self.base_url,
                "request_limit": self.request_limit,
                "trusted_proxies": self.trusted_proxies,
            },
            "abuse": {
                "premium_gap_seconds": self.premium_gap // timedelta(seconds=1),
                "output_limit": self.output_limit,
                "credits_per_hour": self.hourly_credits,
                "freeze": self.freeze,
            },
            "metadata": {
                # An API's address may carry a password.
                "store": self.metadata_store.partition("+")[0],
                "url": self.metadata_url,
            },
            "stripe": {} if self.stripe is None else self.stripe.redacted(),
            "mail": self.mail.redacted(),
            "oidc": {} if self.oidc is None else self.oidc.redacted(),
            "exports": self.exports.redacted(),
            "egress": self.egress.redacted(),
            "audit": {
                "origin": self.audit_host,
                "anchor_networks": list(self.anchor_networks),
                "anchor_every_minutes": self.anchor_every // timedelta(minutes=1),
            },
            "seal": {} if self.seal is None else self.seal.redacted(),
            "retention": self.retention.redacted(),
            "treasury": {"check_seconds": self.treasury_check // timedelta(seconds=1)},
            **self.telemetry.redacted(),
            "worker": {
                "threads": self.worker_threads,
                "niceness": self.worker_niceness,
                "webhook_threads": self.webhook_threads,
                "drift_check_minutes": self.drift_check // timedelta(minutes=1),
            },
            "networks": {entry.network.id: entry.redacted() for entry in self.networks},
        }

    def _secrets_of_custodians(self) -> dict[str, dict[str, object]]:
        """Of those that have any, whether they are used or not."""
        used = {each.scheme: each.secrets for each in self.custodians}
        return {
            scheme: {name: shown(used.get(scheme, {}).get(name) or None) for name in names}
            for scheme, names in SECRETS.items()
            if names
        }


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read *path* (else ``TALLYSTICK_CONFIG``), and the environment over it.

    Raises:
        SettingsError: with every fault.
    """
    environment = os.environ if environment is None else environment
    reader = _Reader(environment)
    chosen = path or (Path(name) if (name := environment.get("TALLYSTICK_CONFIG")) else None)
    if chosen is not None:
        reader.read(chosen)
    settings = _settings(reader)
    if reader.faults or settings is None:
        raise SettingsError(reader.faults)
    return settings


@define
class _Reader:
    """Looks values up, and gathers what is wrong with them."""

    environment: Mapping[str, str]
    content: dict[str, Any] = field(factory=dict)
    faults: list[str] = field(factory=list)
    #: Keys that were looked for, by section.
    asked: dict[str, set[str]] = field(factory=dict)

    def read(self, path: Path) -> None:
        try:
            self.content = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.faults.append(f"{path} cannot be read: {error}")

    def text(self, section: str, key: str, default: str | None = None) -> str | None:
        """The value of ``[section] key``; the environment and its file come first."""
        self.asked.setdefault(section, set()).add(key)
        name = f"TALLYSTICK_{section}_{key}".upper()
        if (file := self.environment.get(f"{name}_FILE")) is not None:
            try:
                return Path(file).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.faults.append(f"{name}_FILE: {file} cannot be read: {error}")
                return None
        if name in self.environment:
            return self.environment[name]
        found = self._section(section).get(key, default)
        if isinstance(found, bool):
            return "true" if found else "false"
        return None if found is None else str(found)

    def names(self, section: str, key: str) -> tuple[str, ...]:
        """A list of texts; in the environment, with commas between them."""
        found = self._section(section).get(key)
        known, text = len(self.faults), self.text(section, key, "") or ""
        if found is not None and text == str(found):
            if isinstance(found, list) and all(isinstance(each, str) for each in found):
                return tuple(found)
            self.faults.append(f"[{section}] {key} must be a list of texts")
        if len(self.faults) > known:
            return ()
        return tuple(each.strip() for each in text.split(",") if each.strip())

    def required(self, section: str, key: str, what: str) -> str:
        known = len(self.faults)
        found = self.text(section, key)
        if not found and len(self.faults) == known:
            name = f"TALLYSTICK_{section}_{key}".upper()
            self.faults.append(f"{name} ([{section}] {key}) is missing: {what}")
        return found or ""

    def parsed(
        self, section: str, key: str, parse: Callable[[str], T], default: D, what: str
    ) -> T | D:
        found = self.text(section, key)
        if found is None:
            return default
        try:
            return parse(found)
        except (ValueError, KeyError):
            name = f"TALLYSTICK_{section}_{key}".upper()
            self.faults.append(f"{name} ([{section}] {key}) must be {what}")
            return default

    def look_for_strangers(self) -> None:
        """Whatever the file says that nobody asked for is misspelt."""
        for name, section in self.content.items():
            if name == "networks":
                continue
            if name not in self.asked or not isinstance(section, dict):
                self.faults.append(f"[{name}] is no section of this file")
                continue
            for key in section:
                if key not in self.asked[name]:
                    self.faults.append(f"[{name}] {key} is unknown")

    def _section(self, name: str) -> Mapping[str, Any]:
        section = self.content.get(name, {})
        return section if isinstance(section, dict) else {}


def _settings(reader: _Reader) -> Settings | None:
    environment = reader.text("installation", "environment", "production") or ""
    if environment not in ENVIRONMENTS:
        names = ", ".join(ENVIRONMENTS)
        reader.faults.append(f"TALLYSTICK_INSTALLATION_ENVIRONMENT must be one of {names}")
    id_text = reader.required(
        "installation",
        "id",
        "who this is in every salt, lease and note, for ever; a fresh one is "
        + public_id(Prefix.INSTALLATION, uuid4()),
    )
    installation = parse_id(Prefix.INSTALLATION, id_text) if id_text else None
    if id_text and installation is None:
        reader.faults.append("TALLYSTICK_INSTALLATION_ID must be an ins_… id")
    new_keys = reader.text("custodian", "new_keys", LOCAL_KEYS) or ""
    custodians, custodian_faults = read_custodians(
        new_keys, reader.names("custodian", "others"), reader.text
    )
    offered, offered_faults = read_offered(reader.names("custodian", "offered"), custodians)
    reader.faults += custodian_faults or offered_faults
    allow_local = reader.parsed("local_keys", "allow", _boolean, False, "true or false")
    if new_keys == LOCAL_KEYS and environment == "production" and not allow_local:
        reader.faults.append(
            "TALLYSTICK_CUSTODIAN_NEW_KEYS: local-keys is for development; to use it all the "
            "same, say TALLYSTICK_LOCAL_KEYS_ALLOW=true"
        )
    drift_check = reader.parsed(
        "worker",
        "drift_check_minutes",
        _minutes,
        1 if environment == "development" else 60,
        "a number of minutes, 1 to 10080 (a week)",
    )
    treasury_check = reader.parsed(
        "treasury",
        "check_seconds",
        _seconds,
        5 if environment == "development" else 30,
        "a number of seconds, 1 to 3600",
    )
    anchor_every = reader.parsed(
        "audit",
        "anchor_every_minutes",
        _minutes,
        60,
        "a number of minutes, 1 to 10080 (a week)",
    )
    by = reader.text("wrapping", "by") or LOCAL_KEYS
    master_keys = (
        reader.required("local_keys", "master_key", "32 bytes in base64 (openssl rand -base64 32)")
        if by == LOCAL_KEYS
        else reader.text("local_keys", "master_key") or ""
    )
    wrapping = read_wrapping(
        by,
        reader.names("wrapping", "aws_kms_keys"),
        reader.parsed("local_keys", "wrap_with", _count, None, "a version of the master key"),
        custodians=[each.scheme for each in custodians],
        has_master_key=bool(master_keys),
        fault=reader.faults.append,
    )
    host = reader.text("http", "host", "127.0.0.1") or ""
    port = reader.parsed("http", "port", _port, 8080, "a port, 0 to 65535")
    base_url = reader.text("http", "base_url") or f"http://{host}:{port}"
    networks = _networks(reader)
    catalogue_file = reader.text("catalogue", "file") or catalogue_settings.DEFAULT
    metadata_store = reader.text("metadata", "store") or LOCAL
    metadata_url = reader.text("metadata", "url") or None
    reader.faults += faults_of(metadata_store, metadata_url, base_url, networks)
    rules = DEFAULT_RULES
    gap = reader.parsed(
        "abuse",
        "premium_gap_seconds",
        _number,
        rules.premium_gap // timedelta(seconds=1),
        "a number of seconds, 0 or more",
    )
    stripe, stripe_faults = read_stripe(
        reader.text("stripe", "secret_key"),
        reader.text("stripe", "webhook_secrets"),
        reader.text("stripe", "api_base") or API,
        environment,
        allow_test_mode=reader.parsed(
            "stripe", "allow_test_mode", _boolean, False, "true or false"
        ),
    )
    reader.faults += stripe_faults
    mail, mail_faults = read_mail(
        reader.text("mail", "url"),
        reader.text("mail", "from", "") or "",
        environment,
        verifies=reader.parsed(
            "mail", "verify", _boolean, environment != "development", "true or false"
        ),
    )
    reader.faults += mail_faults
    telemetry, telemetry_faults = read_telemetry(reader.text, environment)
    reader.faults += telemetry_faults
    oidc = _oidc(reader, base_url, environment)
    keep_days = reader.parsed("exports", "keep_days", _days, 7, "a number of days, 1 to 366")
    exports = ExportSettings(
        folder=reader.text("exports", "folder") or None,
        part_limit=reader.parsed(
            "exports", "part_bytes", part_limit, PART, f"a number of bytes, {LEAST_PART} or more"
        ),
        kept_for=timedelta(days=keep_days),
    )
    settings = Settings(
        installation=InstallationId(installation or UUID(int=0)),
        environment=environment,
        database_url=reader.required(
            "database", "url", "postgresql://… of the application's role"
        ),
        migrator_url=reader.text("database", "migrator_url"),
        reader_url=reader.text("database", "reader_url"),
        database_connections=reader.parsed("database", "connections", _count, 10, "a number"),
        custodians=custodians,
        offered_custodians=offered,
        account_origin=reader.parsed(
            "accounts", "origin", _origin, Origin.CUSTODIAN, "custodian or arc76"
        ),
        master_keys=master_keys,
        wrapping=wrapping,
        networks=networks,
        catalogue_file=catalogue_file,
        catalogue=_catalogue(reader, catalogue_file),
        gift_daily_cap=reader.parsed(
            "credits", "gift_daily_cap", _number, DAILY_CAP, "credits per day, 0 or more"
        ),
        http_host=host,
        http_port=port,
        base_url=base_url,
        metadata_store=metadata_store,
        metadata_url=metadata_url,
        request_limit=reader.parsed("http", "request_limit", _count, 30, "a number above 0"),
        premium_gap=timedelta(seconds=gap),
        output_limit=reader.parsed(
            "abuse", "output_limit", _count, rules.output_units, "a number above 0"
        ),
        hourly_credits=reader.parsed(
            "abuse", "credits_per_hour", _count, rules.credits_per_hour, "a number above 0"
        ),
        freeze=reader.parsed("abuse", "freeze", _boolean, rules.freezes, "true or false"),
        trusted_proxies=reader.parsed("http", "trusted_proxies", _number, 0, "a number"),
        stripe=stripe,
        mail=mail,
        oidc=oidc,
        exports=exports,
        egress=_egress(reader, environment),
        seal=_seal(reader, environment),
        audit_host=_host(reader, base_url),
        retention=_retention(reader),
        telemetry=telemetry,
        worker_threads=reader.parsed("worker", "threads", _count, 4, "a number above 0"),
        worker_niceness=reader.parsed("worker", "niceness", _niceness, 10, "0 to 19"),
        webhook_threads=reader.parsed("worker", "webhook_threads", _count, 8, "a number above 0"),
        drift_check=timedelta(minutes=drift_check),
        anchor_networks=_anchor_networks(reader, networks),
        anchor_every=timedelta(minutes=anchor_every),
        treasury_check=timedelta(seconds=treasury_check),
        allow_local_keys=allow_local,
    )
    reader.look_for_strangers()
    return None if reader.faults else settings


def _seal(reader: _Reader, environment: str) -> SealSettings | None:
    url, file = reader.text("seal", "database_url"), reader.text("seal", "state_file")
    key = reader.text("seal", "key")
    every = reader.parsed(
        "seal",
        "every_seconds",
        _count,
        1 if environment == "development" else 5,
        "a number of seconds above 0",
    )
    if not url and not file:
        return None
    for name, found, what in (
        ("database_url", url, "postgresql://… of the sealer's role"),
        ("state_file", file, "a path outside the database, on a disk that is kept"),
    ):
        if not found:
            variable = f"TALLYSTICK_SEAL_{name.upper()}"
            reader.faults.append(f"{variable} ([seal] {name}) is missing: {what}")
    return SealSettings(
        database_url=url or "",
        state_file=Path(file or ""),
        key=KeyRef(key) if key else None,
        every=timedelta(seconds=every),
    )


def _oidc(reader: _Reader, base_url: str, environment: str) -> OidcSettings | None:
    rules = SignInRules(
        allowed=domains(reader.names("oidc", "allowed_domains")),
        trusted=domains(reader.names("oidc", "trusted_domains")),
        signs_up=reader.parsed("oidc", "sign_up", _boolean, False, "true or false"),
    )
    found, faults = read_oidc(
        reader.text("oidc", "issuer"),
        reader.text("oidc", "client_id"),
        reader.text("oidc", "client_secret"),
        reader.text("oidc", "redirect_url") or base_url.rstrip("/") + CALLBACK,
        rules,
        environment,
    )
    reader.faults += faults
    return found


def _egress(reader: _Reader, environment: str) -> EgressSettings:
    allowed = reader.parsed("egress", "allow_loopback", _boolean, False, "true or false")
    if allowed and environment != "development":
        reader.faults.append(
            "TALLYSTICK_EGRESS_ALLOW_LOOPBACK ([egress] allow_loopback) is for development: "
            "members could reach what listens on this machine"
        )
    return EgressSettings(
        allow_loopback=allowed,
        ports=reader.parsed(
            "egress", "ports", read_ports, PORTS, "ports with commas between them, 1 to 65535"
        ),
    )


def _host(reader: _Reader, base_url: str) -> str:
    found = reader.text("audit", "origin") or urlsplit(base_url).netloc
    if not _HOST.fullmatch(found):
        reader.faults.append(
            "TALLYSTICK_AUDIT_ORIGIN ([audit] origin) must be a host name, with a port where it "
            "has one: what the log is called for ever"
        )
    return found


def _retention(reader: _Reader) -> RetentionSettings:
    known = RetentionSettings()
    hot = reader.parsed(
        "retention", "hot_months", _count, known.hot_months, "a number of months above 0"
    )
    kept = reader.parsed(
        "retention", "kept_months", _count, known.kept_months, "a number of months above 0"
    )
    if kept <= hot:
        reader.faults.append(
            "TALLYSTICK_RETENTION_KEPT_MONTHS ([retention] kept_months) must be above hot_months"
        )
    return RetentionSettings(
        folder=reader.text("retention", "folder") or None, hot_months=hot, kept_months=kept
    )


def _networks(reader: _Reader) -> tuple[NetworkSettings, ...]:
    found, faults = read_networks(reader.content.get("networks", {}))
    reader.faults += faults
    return found


def _anchor_networks(
    reader: _Reader, networks: tuple[NetworkSettings, ...]
) -> tuple[NetworkId, ...]:
    known = {entry.network.id for entry in networks}
    chosen = tuple(dict.fromkeys(map(NetworkId, reader.names("audit", "anchor_networks"))))
    reader.faults += [
        f"TALLYSTICK_AUDIT_ANCHOR_NETWORKS ([audit] anchor_networks): {each} is not configured"
        for each in chosen
        if each not in known
    ]
    return chosen


def _catalogue(reader: _Reader, file: str) -> Catalogue:
    found, faults = catalogue_settings.read_catalogue(file)
    reader.faults += [f"[catalogue] file: {fault}" for fault in faults]
    return found  # type: ignore[return-value]  # None: a fault, and no settings are made of it


def _origin(text: str) -> Origin:
    """Of accounts to come."""
    if text not in {Origin.CUSTODIAN.value, Origin.ARC76.value}:
        raise ValueError(text)
    return Origin(text)


def _number(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _niceness(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 19:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _minutes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 7 * 24 * 60:
        raise ValueError(text)
    return value


def _seconds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 3600:
        raise ValueError(text)
    return value


def _days(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 366:
        raise ValueError(text)
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]
