"""``tallystick listen``: an organisation's events on somebody's own machine, without a tunnel."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

import click
import httpx
from attrs import field, frozen

from domain.webhook import SECRET_BYTES, headers_of, read, written

_KEY_VARIABLE = "TALLYSTICK_API_KEY"
_PAGE = 100
_WAIT_SECONDS = 15.0
_LOOK_EVERY_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


@click.command(
    "listen",
    help="Print what happens in an organisation as it happens, until told to stop (Ctrl+C, "
    f"SIGTERM).  The API key, with webhooks:read, comes from --key-file or {_KEY_VARIABLE}.",
)
@click.option("--url", envvar="TALLYSTICK_URL", default="http://127.0.0.1:8080", show_default=True,
              help="Where the API is.")  # fmt: skip
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A file with the API key.")  # fmt: skip
@click.option("--type", "types", multiple=True, help="Only events of this type; may be repeated.")
@click.option("--forward-to", help="Hand each to this URL, signed like a webhook.")
@click.option("--secret", help="whsec_… to sign with; a fresh one by default.")
@click.option("--cursor", help="Go on behind this one, instead of from now.")
@click.option("--once", is_flag=True, help="End when there is nothing more to tell.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line.")
@click.pass_context
def command(
    ctx: click.Context,
    url: str,
    key_file: Path | None,
    types: tuple[str, ...],
    forward_to: str | None,
    secret: str | None,
    cursor: str | None,
    once: bool,
    as_json: bool,
) -> None:
    key = key_file.read_text("utf-8").strip() if key_file else os.environ.get(_KEY_VARIABLE, "")
    if not key:
        raise click.UsageError(f"there is no API key: say --key-file, or set {_KEY_VARIABLE}")
    try:
        signing = read(secret) if secret else token_bytes(SECRET_BYTES)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if forward_to:
        click.echo(f"signing with {written(signing)}", err=True)
    with _ended_by_signals(), httpx.Client(timeout=_WAIT_SECONDS, trust_env=False) as client:
        listener = Listener(client=client, url=url.rstrip("/"), key=key, ends=once)
        try:
            for event in listener.events(cursor):
                if types and event["type"] not in types:
                    continue
                answer = _forward(client, forward_to, event, signing) if forward_to else None
                click.echo(_line(event, answer, as_json=as_json))
        except RefusedError as error:
            click.echo(str(error), err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(0)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Also where whoever started it in the background had SIGINT ignored."""
    names = (signal.SIGTERM, signal.SIGINT)
    before = {name: signal.signal(name, signal.default_int_handler) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class RefusedError(Exception):
    """Asking again would be answered alike."""


@frozen(kw_only=True)
class Listener:
    client: httpx.Client
    url: str
    key: str = field(repr=False)
    ends: bool

    def events(self, cursor: str | None) -> Iterator[dict[str, object]]:
        """From *cursor*, or from now on.  Raises: RefusedError."""
        asked = {"cursor": cursor} if cursor else {"tail": "true"}
        while True:
            page = self._page(asked)
            yield from page["data"]
            asked = {"cursor": str(page["next_cursor"])}
            if page["has_more"]:
                continue
            if self.ends:
                return
            time.sleep(_LOOK_EVERY_SECONDS)

    def _page(self, asked: dict[str, str]) -> dict[str, list[dict[str, object]]]:
        pause = _LOOK_EVERY_SECONDS
        while True:
            try:
                answered = self.client.get(
                    f"{self.url}/v1/events",
                    params={"limit": str(_PAGE), **asked},
                    headers={"Authorization": f"Bearer {self.key}"},
                )
            except httpx.HTTPError as error:
                trouble = f"{self.url} does not answer: {type(error).__name__}"
            else:
                if answered.status_code == 200:
                    page: dict[str, list[dict[str, object]]] = answered.json()
                    return page
                trouble = _words(answered)
                if answered.status_code != 429 and answered.status_code < 500:
                    raise RefusedError(trouble)
            if self.ends:
                raise RefusedError(trouble)
            click.echo(f"{trouble}; asking again", err=True)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _words(answered: httpx.Response) -> str:
    try:
        problem = answered.json()
    except ValueError:
        return f"HTTP {answered.status_code}"
    return f"{problem.get('title')}: {problem.get('detail')} ({problem.get('code')})"


def _forward(client: httpx.Client, url: str, event: dict[str, object], secret: bytes) -> str:
    """What came back: a status, or why nothing did."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    headers = headers_of(str(event["id"]), datetime.now(UTC), body, [secret])
    try:
        answered = client.post(
            url,
            content=body,
            # A connection that the receiver is about to close would lose the next event.
            headers={"Content-Type": "application/json", "Connection": "close", **headers},
        )
    except httpx.HTTPError as error:
        return type(error).__name__
    return str(answered.status_code)


def _line(event: dict[str, object], answer: str | None, *, as_json: bool) -> str:
    if as_json:
        forwarded = {} if answer is None else {"forwarded": answer}
        return json.dumps({**event, **forwarded}, ensure_ascii=False)
    data = event["data"]
    subject = data.get("id") if isinstance(data, dict) else ""
    text = f"{event['timestamp']}  {event['sequence']:>6}  {event['type']:<24} {subject}"
    return text if answer is None else f"{text}  -> {answer}"
