"""Organisations with plenty of credits, in a database as the product has it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg
from attrs import evolve, frozen
from psycopg import sql
from psycopg.conninfo import make_conninfo

from adapters.postgres import connect
from adapters.postgres.migrate import Login, migrate
from adapters.postgres.storage import PostgresStore
from adapters.system import SystemClock, SystemIdentifiers
from application.audit.trail import Trail
from application.credits.post import post
from application.ports.storage.work import Scope
from domain.audit import OPERATOR
from domain.catalogue import Catalogue, TariffName
from domain.identifiers import InstallationId, LotId, MemberId, OrganisationId, UserId
from domain.ledger import PRIORITIES, Grant, Lot, Source
from domain.organisation import Member, Organisation, Role, User
from entrypoints.catalogue_settings import DEFAULT, read_catalogue

CATALOGUE = DEFAULT

_INSTALLATION = InstallationId(UUID("01900000-0000-7000-8000-000000000001"))
_LOGIN = Login(name="tallystick_bench", password="bench", group="tallystick_app")  # noqa: S106
#: More than any run can spend.
_PLENTY = 10**12


@frozen(kw_only=True)
class Town:
    store: PostgresStore
    clock: SystemClock
    identifiers: SystemIdentifiers
    organisations: Sequence[OrganisationId]
    catalogue: Catalogue
    #: Of the database, for the role of its store.
    url: str


@contextmanager
def town(server: str, name: str, organisations: int, connections: int) -> Iterator[Town]:
    """*server*: a superuser's URL; the store is that of a role under row-level security."""
    with psycopg.connect(server, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = make_conninfo(server, dbname=name)
    migrate(url, installation=_INSTALLATION, environment="development", logins=[_LOGIN])
    login = make_conninfo(url, user=_LOGIN.name, password=_LOGIN.password)
    with found(login, [], connections) as place:
        yield evolve(place, organisations=[_settle(place) for _ in range(organisations)])


@contextmanager
def found(url: str, organisations: Sequence[OrganisationId], connections: int) -> Iterator[Town]:
    """One that is there already, *organisations* of it, as a process of its own sees it."""
    store = connect(url, min_size=1, max_size=connections)
    store.open()
    clock = SystemClock()
    catalogue, faults = read_catalogue(CATALOGUE)
    if catalogue is None:
        raise RuntimeError(f"{CATALOGUE}: {faults}")
    try:
        yield Town(
            catalogue=catalogue,
            store=store,
            clock=clock,
            identifiers=SystemIdentifiers(clock),
            organisations=organisations,
            url=url,
        )
    finally:
        store.close()


def _settle(place: Town) -> OrganisationId:
    """An organisation with a plan's credits and a pack's."""
    store, clock, identifiers = place.store, place.clock, place.identifiers
    organisation = OrganisationId(identifiers.next())
    user = UserId(identifiers.next())
    now = clock.now()
    trail = Trail(identifiers=identifiers, organisation=organisation, actor=OPERATOR)
    with store.begin(Scope(organisation=organisation, user=user)) as work:
        work.users.add(
            User(
                id=user,
                email=f"{user}@example.com",
                password_hash="none",  # noqa: S106
                created_at=now,
            )
        )
        work.organisations.add(
            Organisation(
                id=organisation, name="Bench", tariff=TariffName("enterprise"), created_at=now
            ),
            Member(
                organisation=organisation,
                id=MemberId(identifiers.next()),
                user=user,
                role=Role.OWNER,
                created_at=now,
            ),
        )
        for source, amount in ((Source.PLAN, 100), (Source.PACK, _PLENTY)):
            lot = Lot(
                id=LotId(identifiers.next()),
                source=source,
                priority=PRIORITIES[source],
                amount=amount,
                remaining=amount,
                effective_at=now,
                expires_at=now + timedelta(days=30) if source is Source.PLAN else None,
                fact=f"{source}:bench",
            )
            post(work, trail, Grant(lot=lot, is_granted_before=False), now)
        trail.write(work)
    return organisation
