"""What psycopg reports, in the words of the port; and what only this adapter can report.

::

    Exception
     ├── StoreUnavailableError   (port)    no connection, it broke, or the server gave up on us
     ├── MisuseError             (domain)  a constraint or a policy refused what we wrote: our bug
     └── SchemaError
          ├── MigrationChangedError        an applied file is not what it was
          ├── RolesMissingError            roles.sql has to be run by a superuser first
          └── InstallationMismatchError    the database belongs to another installation
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from application.ports.storage.work import StoreUnavailableError
from domain.errors import MisuseError


class SchemaError(Exception):
    """This program must not run on this database."""


class MigrationChangedError(SchemaError):
    pass


class RolesMissingError(SchemaError):
    pass


class InstallationMismatchError(SchemaError):
    pass


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing of psycopg out.

    Deadlocks and serialization failures count as unavailable: the transaction is undone and may
    be tried again.
    """
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        raise StoreUnavailableError(first_line(error)) from error
    except psycopg.Error as error:
        rule = error.diag.constraint_name or error.sqlstate
        raise MisuseError(f"{rule}: {first_line(error)}") from error


def first_line(error: psycopg.Error) -> str:
    # The lines below may quote the row.
    return str(error).partition("\n")[0]
