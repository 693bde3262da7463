"""Servers that say what they are told to say, byte by byte if need be."""

import socket
import threading
import time
from contextlib import contextmanager, suppress

from attrs import define, field

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 2\r\n\r\n{}"


@define
class Server:
    """What is said to it, and over how many connections; each request is answered by *behave*."""

    port: int
    heads: list[bytes] = field(factory=list)
    connections: list[socket.socket] = field(factory=list)
    #: Somebody has, in good order.
    hung_up: threading.Event = field(factory=threading.Event)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def a_server(behave, greet=lambda connection: connection):
    """*behave* is given the connection after each request's head, and returns whether to go on."""

    def serve(connection):
        try:
            connection = greet(connection)
        except OSError:
            connection.close()
            return
        with suppress(OSError), connection.makefile("rb") as incoming:
            while head := head_of(incoming):
                server.heads.append(head)
                if not behave(connection):
                    break
            else:
                server.hung_up.set()
        # Others may still hold the socket: the line is over all the same.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                server.connections.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(listening.getsockname()[1])
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in server.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def head_of(incoming):
    lines = []
    while (line := incoming.readline()) not in {b"", b"\r\n"}:
        lines.append(line)
    return b"".join(lines)


def says(answer, *, and_goes_on=True):
    def behave(connection):
        connection.sendall(answer)
        return and_goes_on

    return behave


def drips(beginning, drop=b" "):
    def behave(connection):
        connection.sendall(beginning)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return behave
