"""Deferring tasks, and running them."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from uuid import UUID

import procrastinate
import psycopg
from attrs import define, field
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout

from adapters.procrastinate.schema import SCHEMA
from application.ports.tasks import Tasks, TasksUnavailableError
from domain.identifiers import OrganisationId

Handler = Callable[[OrganisationId, str], None]

_OPTIONS = f"-c search_path={SCHEMA}"
#: NOTIFY wakes the worker; this is for notifications that were lost.
_POLL_SECONDS = 2.0
#: How long a caller waits for a connection before it is told that there is none.
_WAIT_SECONDS = 5.0


@define
class ProcrastinateTasks(Tasks):
    _url: str = field(repr=False)
    _deferring: procrastinate.App | None = None

    def open(self) -> None:
        """Raises: TasksUnavailableError."""
        connector = procrastinate.SyncPsycopgConnector(
            conninfo=self._url,
            kwargs={"options": _OPTIONS},
            min_size=0,
            max_size=2,
            timeout=_WAIT_SECONDS,
        )
        self._deferring = procrastinate.App(connector=connector)
        try:
            self._deferring.open()
        except (ConnectorException, psycopg.Error) as error:
            raise TasksUnavailableError("the queue's database does not answer") from error

    def close(self) -> None:
        if self._deferring is not None:
            self._deferring.close()

    def defer(self, topic: str, organisation: OrganisationId, key: str) -> None:
        if self._deferring is None:
            raise TasksUnavailableError("the queue is not open")
        task = self._deferring.configure_task(topic)
        try:
            task.defer(organisation=str(organisation), key=key)
        except (ConnectorException, psycopg.Error) as error:
            raise TasksUnavailableError("the queue's database does not answer") from error

    def run(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        """Run tasks until *stop*.

        A handler that raises is tried again by Procrastinate, later each time.

        Raises: TasksUnavailableError.
        """
        try:
            asyncio.run(self._run(handlers, stop))
        except (ConnectorException, psycopg.Error, PoolTimeout) as error:
            raise TasksUnavailableError("the queue's database does not answer") from error

    async def _run(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        connector = procrastinate.PsycopgConnector(
            conninfo=self._url, kwargs={"options": _OPTIONS}, min_size=1, max_size=4
        )
        app = procrastinate.App(connector=connector)
        retry = procrastinate.RetryStrategy(exponential_wait=2, max_attempts=10)
        for topic, handler in handlers.items():
            app.task(name=topic, retry=retry)(_task(handler))
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    concurrency=2,
                    install_signal_handlers=False,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    delete_jobs="successful",
                )
            )
            # *stop* belongs to threads; asyncio cannot wait for it.
            while not stop.is_set() and not worker.done():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            if worker.done():
                worker.result()
            worker.cancel()
            await asyncio.wait([worker], timeout=10)


def _task(handler: Handler) -> Callable[..., None]:
    def run(*, organisation: str, key: str) -> None:
        handler(OrganisationId(UUID(organisation)), key)

    return run
