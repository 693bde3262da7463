"""The limit of what is served over HTTP: a bare ASGI application and one INSERT.

It is served as the API is (`entrypoints.commands.serve.listening`), with a pool and threads of the
same size.  It looks at no credentials and at nothing of the body but one name.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import uvicorn
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from psycopg_pool import ConnectionPool

from entrypoints.commands.serve import listening
from entrypoints.garbage import look_seldom

TABLE = """
CREATE TABLE bare (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT INSERT ON bare TO tallystick_app
"""
_INSERT = "INSERT INTO bare (id, name) VALUES (%s, %s)"
#: The database, for the role of the API.
URL = "TALLYSTICK_DATABASE_URL"


def make_table(database: str) -> None:
    """*database*: a superuser's URL."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLE)


class Bare:
    def __init__(self, pool: ConnectionPool, threads: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(self._threads, self._write, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", _number(content))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    def _write(self, body: bytes) -> bytes:
        id, name = uuid4(), json.loads(body)["name"]
        with self._pool.connection() as connection:
            connection.execute(_INSERT, (id, name))
        return json.dumps({"id": str(id), "name": name}).encode()


def _number(content: bytes) -> bytes:
    return str(len(content)).encode()


@contextmanager
def _pool(connections: int) -> Iterator[ConnectionPool]:
    # Committed by itself: one round trip.
    kwargs = {"autocommit": True}
    with ConnectionPool(
        os.environ[URL], min_size=1, max_size=connections, kwargs=kwargs, open=True
    ) as pool:
        yield pool


def main() -> None:
    """Serve at a port, with so many connections and threads, until terminated."""
    port, connections, threads = map(int, sys.argv[1:])
    with _pool(connections) as pool, ThreadPoolExecutor(threads) as executor:
        look_seldom()
        uvicorn.Server(listening(Bare(pool, executor), "127.0.0.1", port)).run()


if __name__ == "__main__":
    main()
