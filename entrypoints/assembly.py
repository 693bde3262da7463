"""From a name in the configuration to the adapter folder it means."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from adapters import pool
from adapters.pool import Pool
from adapters.system import NoMail, NoPayments, SealStateFile
from adapters.telemetry import Tracing
from adapters.telemetry.watched import WatchedCustodian, WatchedNode
from application.accounts.ask import AccountPlace
from application.custody.guarded import Guarded
from application.custody.registered import RegisteredCustodian
from application.custody.wrappings import Wrappings
from application.deployments.budget import Budgets
from application.exports.make import Formats
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import (
    Custodian,
    Envelopes,
    KeyCustodian,
    KeyHolder,
    KeyWrapping,
    Verifies,
)
from application.ports.derivation import PublicKeys
from application.ports.egress import Egress
from application.ports.files import Files
from application.ports.identity_provider import IdentityProvider
from application.ports.mail import Mail
from application.ports.metadata import MetadataStore
from application.ports.nodes import Endpoint
from application.ports.payments import Payments
from application.ports.seal_state import SealStateStore
from application.ports.seeds import SeedSigning
from application.ports.storage.books import Books
from application.ports.storage.figures import Figures
from application.ports.storage.retention import Partitions
from application.ports.storage.seals import SealStore
from application.ports.storage.work import Store
from application.ports.tables import Cell, TableError, TableFormat
from application.ports.telemetry import Telemetry
from application.retention.tables import ENCODINGS, TABLES
from domain.account import Origin
from domain.export import ExportFormat
from domain.identifiers import NetworkId, Prefix, public_id
from domain.network import Family, Network
from domain.treasury import Thresholds
from entrypoints.custodian_settings import LOCAL_KEYS, CustodianSettings
from entrypoints.mail_settings import FOLDER
from entrypoints.metadata_settings import LOCAL, may_point_at
from entrypoints.network_settings import NetworkSettings
from entrypoints.settings import SealSettings, Settings, SettingsError
from entrypoints.wrapping_settings import KMS, VAULT


def adapter(scheme: str) -> Any:
    """The adapter package that *scheme* names: ``local-keys`` is ``adapters.local_keys``.

    Imported only now, so that a process loads the SDKs it uses and no others.
    """
    name = f"adapters.{scheme.replace('-', '_')}"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise SettingsError([f"there is no adapter {scheme}"]) from error


def store(settings: Settings) -> Any:
    """The store, closed; the process opens it."""
    return adapter("postgres").connect(
        settings.database_url, min_size=1, max_size=settings.database_connections
    )


def books(settings: Settings) -> Books:
    """The books, read with as few rights as the configuration has."""
    made: Books = adapter("postgres").open_books(settings.reader_url or settings.database_url)
    return made


@contextmanager
def figures_served(
    settings: Settings, store: Any, telemetry: Tracing, clock: Clock
) -> Iterator[str]:
    """Served until the block ends, at the URL that it gives; empty: nobody wants them.

    Of this process, and of the queues where it may ask for them.

    Raises:
        OSError: somebody else listens there.
    """
    place = settings.telemetry.metrics.listen
    if place is None:
        yield ""
        return
    # Loaded by processes that serve figures, and by no other.
    module = import_module("adapters.telemetry.metrics")
    made, queues = module.Metrics(), figures(settings)
    made.registry.register(module.ConnectionFigures(store.connections))
    if queues is not None:
        made.registry.register(module.QueueFigures(queues, clock))
    serving = import_module("adapters.telemetry.serving").serving
    with serving(made.registry, place.host, place.port) as port:
        telemetry.listeners.append(made)
        try:
            yield f"http://{place.host}:{port}/metrics"
        finally:
            telemetry.listeners.remove(made)
            if queues is not None:
                queues.close()


@contextmanager
def traces_sent(
    settings: Settings, telemetry: Tracing, process: str, clean: Callable[[str], str]
) -> Iterator[None]:
    """To the collector that the configuration names, if it names one, until the block ends.

    *clean* takes secrets out of texts.
    """
    traces = settings.telemetry.traces
    if traces.endpoint is None:
        yield
        return
    about = {
        "service.namespace": "tallystick",
        "service.name": f"tallystick-{process}",
        "deployment.environment.name": settings.environment,
        "tallystick.installation": public_id(Prefix.INSTALLATION, settings.installation),
    }
    # Optional packages; the settings have seen that they are there.
    module = import_module("adapters.telemetry.otlp")
    exporter = module.Exporter.to(traces.endpoint, traces.headers, about, clean)
    telemetry.listeners.append(exporter)
    try:
        yield
    finally:
        telemetry.listeners.remove(exporter)
        exporter.close()


def is_collector_reached(settings: Settings) -> bool:
    """Whether the collector that the configuration names takes traces from us."""
    traces = settings.telemetry.traces
    reached: bool = import_module("adapters.telemetry.otlp").is_reached(
        traces.endpoint, traces.headers
    )
    return reached


def figures(settings: Settings) -> Figures | None:
    """How full the queues are, as the database says; None: this configuration does not ask."""
    url = settings.telemetry.metrics.database_url
    made: Figures | None = None if url is None else adapter("postgres").open_figures(url)
    return made


def seals(settings: Settings) -> SealStore:
    """What seals audit events.

    Raises:
        SettingsError: this configuration is not a sealer's.
    """
    made: SealStore = adapter("postgres").seal_store(_seal(settings).database_url)
    return made


def seal_state(settings: Settings) -> SealStateStore:
    """Raises: SettingsError, as above."""
    return SealStateFile(_seal(settings).state_file)


def verifies() -> Verifies:
    """Whether signatures are good."""
    made: Verifies = adapter("local-keys").Verification()
    return made


def seed_signing() -> SeedSigning:
    """With keys that members' endpoints are signed with."""
    made: SeedSigning = adapter("local-keys").SeedSigning()
    return made


def _seal(settings: Settings) -> SealSettings:
    if settings.seal is None:
        what = "only a configuration that has both seals"
        raise SettingsError(
            [
                f"TALLYSTICK_SEAL_DATABASE_URL ([seal] database_url) is missing: {what}",
                f"TALLYSTICK_SEAL_STATE_FILE ([seal] state_file) is missing: {what}",
            ]
        )
    return settings.seal


def coin_digits(settings: Settings) -> dict[str, int]:
    """Of each configured network's coin."""
    return {entry.network.id: entry.network.native_decimals for entry in settings.networks}


def documents(settings: Settings, store: Any) -> MetadataStore:
    """What tokens point at, kept in *store*'s database and served by us."""
    made: MetadataStore = adapter("postgres").metadata(store, settings.document_base)
    return made


def metadata(settings: Settings, documents: MetadataStore) -> MetadataStore:
    """Where what tokens point at is published: *documents*, or an IPFS node."""
    scheme, _, address = settings.metadata_store.partition("+")
    if scheme == LOCAL:
        return documents
    made: MetadataStore = adapter(scheme).connect(address)
    return made


def export_files(settings: Settings) -> Files:
    """Without a folder, a place that refuses."""
    made: Files = adapter("folder").connect(settings.exports.folder)
    return made


def archive_files(settings: Settings) -> Files:
    """Likewise, of archives."""
    made: Files = adapter("folder").connect(settings.retention.folder)
    return made


def partitions(settings: Settings) -> Partitions:
    """As the owner of the tables; refuses where the configuration has not named one."""
    made: Partitions = adapter("postgres").open_partitions(settings.migrator_url)
    return made


def egress(settings: Settings) -> Egress:
    """The one client for addresses of members."""
    guard = adapter("egress")
    loopback = settings.egress.allow_loopback
    made: Egress = guard.connect(
        guard.Rules(
            allows_plain=loopback or settings.environment == "development",
            allows_loopback=loopback,
            ports=settings.egress.ports,
        )
    )
    return made


def folder(path: Path) -> Files:
    """Somebody's own."""
    made: Files = adapter("folder").connect(str(path))
    return made


def archived_rows(paths: Iterable[Path]) -> Iterator[tuple[Cell, ...]]:
    """Of somebody's own copies of an archive's files.  Raises: TableError."""
    endings = {encoding.value: encoding for encoding in ENCODINGS}
    for path in paths:
        encoding = endings.get(path.suffix.removeprefix("."))
        if encoding is None:
            raise TableError(f"{path.name} is none of {', '.join(endings)}")
        with path.open("rb") as file:
            yield from table_formats()(encoding).read(file, TABLES["audit_events"])


def table_formats() -> Formats:
    """Formats by name; Parquet's library is loaded by whoever asks for it."""
    tables = adapter("tables")
    makers = {
        ExportFormat.JSON_LINES: tables.JsonLines,
        ExportFormat.CSV: tables.Csv,
        ExportFormat.PARQUET: tables.load_parquet,
    }

    def table_format(name: ExportFormat) -> TableFormat:
        made: TableFormat = makers[name]()
        return made

    return table_format


def schema_problem(store: Any) -> str | None:
    """Why the store's database is not as this program knows it; None: it is.

    Raises: StoreUnavailableError.
    """
    errors = import_module("adapters.postgres.errors")
    try:
        missing: list[str] = store.pending()
    except errors.SchemaError as error:
        return f"cannot be used: {error}"
    return f"lacks {', '.join(missing)}: run `tallystick migrate`" if missing else None


def tasks(settings: Settings) -> Any:
    """The queue for what is rare, closed; the process opens it."""
    return adapter("procrastinate").connect(settings.database_url)


def chains(
    settings: Settings, metadata: MetadataStore, telemetry: Telemetry
) -> dict[NetworkId, Pool]:
    """One chain per configured network, which is the pool of its nodes too; each node watched.

    Raises:
        SettingsError: a network whose nodes cannot be used together.
    """
    made = {}
    for entry in settings.networks:
        try:
            watched = [
                (endpoint, WatchedNode(chain, endpoint.name, telemetry))
                for endpoint, chain in nodes(settings, entry, metadata)
            ]
            made[entry.network.id] = pool.connect(entry.network, watched)
        except ValueError as error:
            raise SettingsError([str(error)]) from error
    return made


def nodes(
    settings: Settings, entry: NetworkSettings, metadata: MetadataStore
) -> list[tuple[Endpoint, Chain]]:
    """A network's nodes, each as a chain of its own.

    Raises:
        SettingsError: there is no adapter for the network's family.
    """
    family = adapter(entry.network.family.value)
    document_url = metadata.url_of if has_documents(metadata, entry.network) else None
    return [
        (
            endpoint,
            family.connect(
                entry.network, endpoint, settings.installation, document_url=document_url
            ),
        )
        for endpoint in entry.nodes
    ]


def has_documents(metadata: MetadataStore, network: Network) -> bool:
    """Whether tokens of *network* may point at what *metadata* publishes, if any of them do."""
    return network.family is not Family.ALGORAND or may_point_at(metadata.url_of(b""), network)


def public_keys() -> PublicKeys:
    """Of secrets made elsewhere."""
    made: PublicKeys = adapter("local-keys").PublicKeysOfSecrets()
    return made


def addresses_of(secret: bytearray) -> dict[str, str]:
    """Of the accounts that 32 bytes are the secret of, by the name of the family.

    Raises:
        ValueError: they are no secret of one of the curves.
    """
    public_key_of = public_keys()
    return {
        family.value: adapter(family.value).address_of(public_key_of(family.curve, secret))
        for family in Family
    }


def give_development_coin(network: Network, node: str, address: str, coins: int) -> None:
    """Whole coins out of nothing, where the node makes them."""
    module = import_module(f"adapters.{network.family.value}.development")
    module.fund(node, address, coins * 10**network.native_decimals)


def migrate(settings: Settings, *, creates_logins: bool) -> list[str]:
    """Bring database and queue to the newest schema; name what was applied.

    *creates_logins*: the roles that the configuration logs in with are made where they are
    missing, with the passwords that it has.

    Raises:
        SettingsError: the database cannot be used; says why.
    """
    postgres, url = import_module("adapters.postgres.migrate"), settings.migrator_url
    errors = import_module("adapters.postgres.errors")
    if url is None:
        raise SettingsError(
            ["TALLYSTICK_DATABASE_MIGRATOR_URL ([database] migrator_url) is missing"]
        )
    wanted = {"tallystick_app": settings.database_url}
    if settings.seal is not None:
        wanted["tallystick_sealer"] = settings.seal.database_url
    if settings.telemetry.metrics.database_url is not None:
        wanted["tallystick_metrics"] = settings.telemetry.metrics.database_url
    logins = [
        postgres.Login(
            name=unquote(parts.username or ""), password=unquote(parts.password or ""), group=group
        )
        for group, parts in ((group, urlsplit(url)) for group, url in wanted.items())
    ]
    try:
        applied: list[str] = postgres.migrate(
            url,
            installation=settings.installation,
            environment=settings.environment,
            logins=logins if creates_logins else [],
        )
    except errors.SchemaError as error:
        raise SettingsError([str(error)]) from error
    return [*applied, *(["procrastinate"] if adapter("procrastinate").install(url) else [])]


def payments(settings: Settings) -> Payments:
    """Who takes money for us, if anybody does."""
    stripe = settings.stripe
    if stripe is None:
        return NoPayments()
    made: Payments = adapter("stripe").connect(
        stripe.secret_key, stripe.webhook_secrets, api_base=stripe.api_base
    )
    return made


def wrapping(settings: Settings) -> KeyWrapping:
    """What wraps everything secret at rest; it unwraps what others here have wrapped before.

    Raises:
        SettingsError: where one of them is, or its keys, cannot be understood.
    """
    chosen = settings.wrapping
    found: dict[str, KeyWrapping] = {}
    if settings.master_keys:
        local = adapter(LOCAL_KEYS)
        try:
            found[LOCAL_KEYS] = local.LocalKeyWrapping(_master_keys(settings), chosen.wrap_with)
        except ValueError as error:
            raise SettingsError([f"TALLYSTICK_LOCAL_KEYS_WRAP_WITH: {error}"]) from error
    for each in settings.custodians:
        try:
            if each.scheme == VAULT:
                found[VAULT] = adapter(VAULT).wrapping(each.address, each.secrets)
            if each.scheme == KMS and chosen.kms_keys:
                keys = chosen.kms_keys
                found[KMS] = adapter(KMS).wrapping(each.address, each.secrets, keys)
        except ValueError as error:
            raise SettingsError([f"custodian {each.scheme}: {error}"]) from error
    return found[chosen.by] if len(found) == 1 else Wrappings(by_scheme=found, chosen=chosen.by)


def envelopes() -> dict[str, Envelopes]:
    """By the scheme of the keys that are in them."""
    return {LOCAL_KEYS: adapter(LOCAL_KEYS).LocalKeyEnvelopes()}


def custodians(settings: Settings, store: Store, telemetry: Telemetry) -> dict[str, Custodian]:
    """Custodians by the scheme of their key references, each watched, behind the guard.

    Raises:
        SettingsError: where one is, or what it is told to log in with, cannot be understood; or
            keys are to come from passphrases, and the one that they are for takes none in.
    """
    made: dict[str, Custodian] = {
        each.scheme: Guarded(
            custodian=WatchedCustodian(_custodian(each, settings, store), each.scheme, telemetry),
            verifies=verifies(),
            installation=settings.installation,
        )
        for each in settings.custodians
    }
    if settings.account_origin is Origin.ARC76:
        _check_imports(settings, made[settings.custodian])
    return made


def _check_imports(settings: Settings, custodian: Custodian) -> None:
    """Raises: SettingsError: accounts of some network would wait for ever."""
    needed = {entry.network.family.curve for entry in settings.networks}
    lacking = sorted(each.value for each in needed - custodian.capabilities().imports)
    if lacking:
        fault = (
            "TALLYSTICK_ACCOUNTS_ORIGIN ([accounts] origin) is arc76, and the custodian "
            f"{settings.custodian} takes in no {' and no '.join(lacking)} keys made elsewhere "
            "(import_not_offered): name one that does in TALLYSTICK_CUSTODIAN_NEW_KEYS "
            "(local-keys does; docs/custody.md), or say custodian"
        )
        raise SettingsError([fault])


def _custodian(named: CustodianSettings, settings: Settings, store: Store) -> KeyCustodian:
    if named.scheme == LOCAL_KEYS:
        local: KeyCustodian = adapter(LOCAL_KEYS).over(store, wrapping(settings))
        return local
    try:
        holder: KeyHolder = adapter(named.scheme).connect(named.address, named.secrets)
    except ValueError as error:
        raise SettingsError([f"custodian {named.scheme}: {error}"]) from error
    return RegisteredCustodian(
        scheme=named.scheme,
        holder=holder,
        store=store,
        wrapping=wrapping(settings),
        installation=settings.installation,
    )


def thresholds(settings: Settings) -> dict[NetworkId, Thresholds]:
    """Of each network's treasury."""
    return {entry.network.id: entry.treasury.thresholds for entry in settings.networks}


def budgets(settings: Settings) -> Budgets:
    """What an organisation may cost each network's treasury in a day."""
    return Budgets(
        limits={
            entry.network.id: entry.treasury.daily_budget
            for entry in settings.networks
            if entry.treasury.daily_budget is not None
        }
    )


def network_ids(settings: Settings) -> frozenset[NetworkId]:
    return frozenset(entry.network.id for entry in settings.networks)


def account_places(settings: Settings) -> frozenset[AccountPlace]:
    """Where an organisation gets an account."""
    return frozenset(
        AccountPlace(entry.network.family.value, entry.network.live) for entry in settings.networks
    )


def mail(settings: Settings) -> Mail:
    """What carries letters."""
    chosen = settings.mail
    if chosen.url is None:
        return NoMail()
    if chosen.scheme == FOLDER:
        made: Mail = adapter("folder").FolderMail(folder=Path(chosen.folder), sender=chosen.sender)
        return made
    try:
        made = adapter("smtp").connect(chosen.url, chosen.sender)
    except ValueError as error:
        raise SettingsError([f"TALLYSTICK_MAIL_URL: {error}"]) from error
    return made


def identity_provider(settings: Settings, egress: Egress, clock: Clock) -> IdentityProvider | None:
    """Whose log-in is taken beside a password; None: nobody's."""
    chosen = settings.oidc
    if chosen is None:
        return None
    oidc = adapter("oidc")
    client = oidc.Client(
        issuer=chosen.issuer,
        id=chosen.client_id,
        secret=chosen.client_secret,
        redirect_url=chosen.redirect_url,
    )
    made: IdentityProvider = oidc.connect(client, egress, clock)
    return made


def _master_keys(settings: Settings) -> Any:
    try:
        return adapter("local-keys").read_master_keys(settings.master_keys)
    except ValueError as error:
        raise SettingsError([f"TALLYSTICK_LOCAL_KEYS_MASTER_KEY: {error}"]) from error
