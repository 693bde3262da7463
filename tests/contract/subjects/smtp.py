from collections.abc import Iterator
from contextlib import contextmanager

from adapters.smtp import connect
from tests.contract.postbox import SENDER, Mailing, Postbox, port_of, server


@contextmanager
def mailing() -> Iterator[Mailing]:
    postbox = Postbox()
    with server(postbox) as running:
        url = f"smtp+insecure://127.0.0.1:{port_of(running)}"
        yield Mailing(connect(url, SENDER), postbox.messages)
