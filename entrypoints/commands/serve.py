"""``tallystick serve``"""

import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
import uvicorn

from entrypoints.commands import setting_up
from entrypoints.commands.observing import observed
from entrypoints.container import Container, build_container
from entrypoints.garbage import look_seldom
from entrypoints.http.access_tokens import AccessTokens
from entrypoints.http.app import create_app
from entrypoints.http.protocol import ImpatientProtocol
from entrypoints.http.services import Services
from entrypoints.readiness import await_database, readiness, tell_of_clock, tell_of_tariffs
from entrypoints.settings import SettingsError
from entrypoints.worker.clock import followed

#: Bytes of the Ed25519 seed that signs access tokens.
_SEED_BYTES = 32
_STOP_WITHIN_SECONDS = 20


@click.command("serve", help="Serve the HTTP API until told to stop (SIGTERM, SIGINT).")
@click.pass_context
def command(ctx: click.Context) -> None:
    container = build_container(setting_up.settings(ctx))
    with observed(container, "serve"):
        _serve(ctx, container)


def _serve(ctx: click.Context, container: Container) -> None:
    stopping = threading.Event()
    store = container.store()
    try:
        # Built first: what the configuration has wrong is said before anything is waited for.
        container.plan_deployment()
        container.wrapping()
        store.open()
        with _stopped_by_signals(stopping):
            problem = await_database(container, stopping)
        if stopping.is_set():
            return
        if problem is not None:
            click.echo(f"the database {problem}", err=True)
            sys.exit(1)
        tell_of_clock(container)
        tell_of_tariffs(container)
        settings = container.settings()
        app = create_app(services(container, stopping))
        config = listening(app, settings.http_host, settings.http_port)
        look_seldom()
        with followed(container.clock().follow):
            Server(config, stopping).run()
    except SettingsError as error:
        setting_up.tell_faults(ctx, error)
    finally:
        store.close()


def listening(app: Callable[..., Awaitable[None]], host: str, port: int) -> uvicorn.Config:
    """How *app* is served: what it is made of is another matter."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        http=ImpatientProtocol,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_STOP_WITHIN_SECONDS,
        limit_concurrency=1_000,
        h11_max_incomplete_event_size=32 * 1024,
        server_header=False,
        # Ours reads X-Forwarded-For itself, and only from as many proxies as are configured.
        proxy_headers=False,
    )


@contextmanager
def _stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Until the server takes them over."""
    names = (signal.SIGTERM, signal.SIGINT)
    before = {name: signal.signal(name, lambda *_: stopping.set()) for name in names}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


class Server(uvicorn.Server):
    """Tells event streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)


def services(container: Container, stopping: threading.Event) -> Services:
    """What the HTTP face needs, out of the container."""
    settings = container.settings()
    seed = container.installation_secret()("access-token-seed", _SEED_BYTES)
    return Services(
        register=container.register(),
        verify_address=container.verify_address(),
        ask_to_verify=container.ask_to_verify(),
        ask_for_password=container.ask_for_password(),
        reset_password=container.reset_password(),
        change_password=container.change_password(),
        end_session=container.end_session(),
        switch_organisation=container.switch_organisation(),
        log_in=container.log_in(),
        start_sign_in=container.start_flow(),
        sign_in=container.sign_in(),
        start_linking=container.start_linking(),
        finish_linking=container.finish_linking(),
        own_identities=container.own_identities(),
        refresh=container.refresh(),
        log_out=container.log_out(),
        authenticate=container.authenticate(),
        count_requests=container.count_requests(),
        create_api_key=container.create_api_key(),
        revoke_api_key=container.revoke_api_key(),
        enable_api_key=container.enable_api_key(),
        validate_token=container.validate_token(),
        plan_deployment=container.plan_deployment(),
        request_deployment=container.request_deployment(),
        request_key_change=container.request_key_change(),
        switch_account=container.switch_account(),
        derive_accounts=container.derive_accounts(),
        give_up_passphrase=container.give_up_passphrase(),
        adopt_address=container.adopt_address(),
        withdraw_key_change=container.withdraw_key_change(),
        choose_custodian=container.choose_custodian(),
        set_approval_policy=container.set_approval_policy(),
        decide_approval=container.decide_approval(),
        cancel_deployment=container.cancel_deployment(),
        retry_deployment=container.retry_deployment(),
        validate_order=container.validate_order(),
        request_token_operation=container.request_token_operation(),
        inspect=container.inspect(),
        spend=container.spend(),
        start_checkout=container.start_checkout(),
        open_portal=container.open_portal(),
        list_invoices=container.list_invoices(),
        receive_payment_event=container.receive_payment_event(),
        send_gift=container.send_gift(),
        request_export=container.request_export(),
        export_files=container.export_files(),
        register_endpoint=container.register_endpoint(),
        change_endpoints=container.change_endpoints(),
        rotate_secret=container.rotate_secret(),
        send_again=container.send_again(),
        invite=container.invite(),
        accept_invitation=container.accept_invitation(),
        list_members=container.list_members(),
        change_member=container.change_member(),
        change_teams=container.change_teams(),
        change_quotas=container.change_quotas(),
        state_account=container.state_account(),
        state_as_of=container.state_as_of(),
        read_personal=container.read_personal(),
        give_evidence=container.give_evidence(),
        prove_event=container.prove_event(),
        find_anchors=container.find_anchors(),
        prove_consistency=container.prove_consistency(),
        catalogue=settings.catalogue,
        telemetry=container.telemetry(),
        store=container.store(),
        clock=container.clock(),
        identifiers=container.identifiers(),
        chains=container.chains(),
        pools=container.chains(),
        documents=container.documents(),
        document_host=settings.document_host,
        tokens=AccessTokens(seed=seed, installation=settings.installation),
        ready=readiness(container),
        public_url=settings.base_url,
        trusted_proxies=settings.trusted_proxies,
        is_stopping=stopping.is_set,
    )
