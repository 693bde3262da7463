"""What must hold before requests are taken: asked by readiness and by ``doctor``."""

import logging
import threading
from collections.abc import Callable, Mapping

from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.storage.work import Scope, StoreUnavailableError
from entrypoints import assembly
from entrypoints.container import Container

log = logging.getLogger(__name__)

_SILENT = "does not answer"
_AGAIN_SECONDS = 1.0


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
    """Why the database cannot be used; None: it answers, is up to date, and is ours."""
    store, settings = container.store(), container.settings()
    try:
        with store.begin(Scope.installation()):
            pass
        problem = assembly.schema_problem(store)
        installation = store.installation()
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


def readiness(container: Container) -> Callable[[], Mapping[str, str]]:
    """Name of what is not ready, and why.  Nodes have a status of their own."""

    def look() -> Mapping[str, str]:
        problem = database_problem(container)
        if problem is not None:
            return {"database": problem}
        problem = custodian_problem(container)
        return {"custodian": problem} if problem is not None else {}

    return look
