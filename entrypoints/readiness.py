"""What must hold before requests are taken: asked by readiness and by ``doctor``."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.catalogue import TariffName
from entrypoints import assembly
from entrypoints.container import Container

log = logging.getLogger(__name__)

_SILENT = "does not answer"
_AGAIN_SECONDS = 1.0
#: What a machine's clock may differ by from the database's: nobody looks closer at a certificate.
_APART = timedelta(seconds=5)


def await_database(container: Container, stop: threading.Event) -> str | None:
    """Wait until the database answers, or until *stop*; then as `database_problem`."""
    while (problem := database_problem(container)) is not None:
        if not problem.startswith(_SILENT):
            return problem
        log.warning("the database %s", problem)
        if stop.wait(_AGAIN_SECONDS):
            return None
    return None


def database_problem(container: Container) -> str | None:
    """Why the database cannot be used; None: it answers, is up to date, and is ours.

    The clock asks it here for the first time, where no transaction waits for the answer.
    """
    store, settings = container.store(), container.settings()
    try:
        with store.begin(Scope.installation()):
            pass
        problem = assembly.schema_problem(store)
        installation = store.installation()
        container.clock().now()
    except StoreUnavailableError as error:
        return f"{_SILENT}: {error}"
    if problem is not None:
        return problem
    if installation is None:
        return "has no installation: run `tallystick migrate`"
    mine = (settings.installation, settings.environment)
    if (installation.id, installation.environment) != mine:
        return (
            f"belongs to installation {installation.id} ({installation.environment}), not to "
            f"{settings.installation} ({settings.environment})"
        )
    return None


def custodian_problem(container: Container) -> str | None:
    """Why secrets cannot be wrapped and unwrapped; None: they can."""
    try:
        container.installation_secret()("custodian-probe", 16)
    except (CustodyRefusedError, CustodyUnavailableError) as error:
        return str(error)
    except StoreUnavailableError as error:
        return f"its store does not answer: {error}"
    return None


def clock_problem(container: Container) -> str | None:
    """How far this machine's clock is from the database's; None: no further than is allowed.

    What is recorded has the database's time, whatever this machine's says.

    Raises: StoreUnavailableError.
    """
    clock = container.machine_clock()
    before = clock.now()
    theirs = container.store().instant()
    # It answered in between, after however long.
    ahead, behind = before - theirs, theirs - clock.now()
    if max(ahead, behind) <= _APART:
        return None
    apart = f"{ahead} ahead of" if ahead > behind else f"{behind} behind"
    return f"is {apart} the database's"


def tell_of_clock(container: Container) -> None:
    """Log what `clock_problem`."""
    try:
        if problem := clock_problem(container):
            log.error("this machine's clock %s; %s", problem, REMEDY_OF_CLOCK)
    except StoreUnavailableError as error:
        log.warning("the database's clock is not known: %s", error)


REMEDY_OF_CLOCK = (
    "set the one that is wrong (NTP): all that is recorded goes by the database's, and by this "
    "machine's its log, certificates that it looks at, and what it signs for AWS"
)


def tariffs_not_sold(container: Container) -> Mapping[TariffName, int]:
    """On which tariffs that the catalogue does not have, how many organisations are.

    Raises: StoreUnavailableError.
    """
    sold = container.settings().catalogue.tariffs
    with container.store().begin(Scope.installation()) as work:
        in_use = work.organisations.tariffs_in_use()
    return {name: number for name, number in sorted(in_use.items()) if name not in sold}


def tell_of_tariffs(container: Container) -> None:
    """Log what `tariffs_not_sold`: nothing that costs credits is accepted from those."""
    try:
        for name, number in tariffs_not_sold(container).items():
            log.error("tariff %s: %s; %s", name, number_of(number), REMEDY_OF_TARIFFS)
    except StoreUnavailableError as error:
        log.warning("tariffs in use are not known: %s", error)


def number_of(organisations: int) -> str:
    """What is wrong with a tariff that is not sold any more."""
    return f"{organisations} organisations are on it, and the catalogue does not have it"


REMEDY_OF_TARIFFS = (
    "add it to the file of [catalogue], or move them with `tallystick tariff set`; until then "
    "nothing that costs credits is accepted from them"
)


def readiness(container: Container) -> Callable[[], Mapping[str, str]]:
    """Name of what is not ready, and why.  Nodes have a status of their own."""

    def look() -> Mapping[str, str]:
        problem = database_problem(container)
        if problem is not None:
            return {"database": problem}
        problem = custodian_problem(container)
        return {"custodian": problem} if problem is not None else {}

    return look
