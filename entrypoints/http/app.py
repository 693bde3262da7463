"""The web application: resources, what they need, one answer for all that goes wrong."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from litestar import Litestar, Router
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from entrypoints.http import (
    account_balances,
    accounts,
    api_keys,
    approvals,
    audit,
    audit_state,
    auth,
    billing,
    catalogue,
    credit_reports,
    credits,  # noqa: A004 - the product's own word
    deployments,
    documentation,
    documents,
    exports,
    health,
    licence,
    members,
    networks,
    options,
    organisations,
    passwords_and_sessions,
    people,
    single_sign_on,
    statement,
    token_operations,
    tokens,
    usage_holds,
    webhook_deliveries,
    webhook_endpoints,
)
from entrypoints.http.authentication import Gatekeeper
from entrypoints.http.edge import Edge
from entrypoints.http.handing import GATEKEEPER, handed
from entrypoints.http.operations import Operation
from entrypoints.http.problems import Answering
from entrypoints.http.services import Hook, Services

RESOURCES = (
    auth,
    passwords_and_sessions,
    single_sign_on,
    organisations,
    accounts,
    account_balances,
    networks,
    deployments,
    approvals,
    tokens,
    token_operations,
    audit,
    api_keys,
    credits,
    usage_holds,
    credit_reports,
    people,
    members,
    exports,
    webhook_endpoints,
    webhook_deliveries,
    catalogue,
    billing,
    licence,
    statement,
    audit_state,
    health,
    documents,
)


def create_app(services: Services) -> Litestar:
    """The application over *services*.  Makes no connection and starts nothing."""
    handlers = [handler for resource in RESOURCES for handler in resource.HANDLERS]
    if services.documentation:
        handlers += documentation.HANDLERS
    # First, or the framework's own are there before them.
    handlers = [*options.handlers(handlers), *handlers]
    parts = parts_of(services)
    # They end with the application, or the process; what they are at is finished.
    reads, changes = (
        ThreadPoolExecutor(services.limits.brief_threads, thread_name_prefix=f"brief {each}")
        for each in ("reads", "changes")
    )
    handlers = [
        handed(handler, parts, reads if "GET" in handler.http_methods else changes)
        for handler in handlers
    ]
    problem = Answering(public_url=services.public_url)
    # Registered as one router: Litestar 2.25 prepares a handler again for each later one of the
    # same path, and the second time it awaits a thread of a thread.
    app = Litestar(
        [Router(path="/", route_handlers=handlers)],
        exception_handlers={Exception: problem},
        request_max_body_size=services.limits.max_body_bytes,
        on_startup=[_threads(services.limits.threads), *services.on_startup],
        on_shutdown=list(services.on_shutdown),
        # The schema is ours (`openapi.py`); what goes wrong is logged once, by us.
        openapi_config=None,
        logging_config=None,
    )
    app.state.parts = parts
    if services.document_host:
        app.asgi_handler = documents.DocumentHost(
            app=app.asgi_handler, host=services.document_host.lower()
        )
    # Around everything, so that what the router refuses looks like the rest.
    app.asgi_handler = Edge(
        app=app.asgi_handler,
        identifiers=services.identifiers,
        telemetry=services.telemetry,
        use_case=_use_case,
        body_seconds=services.limits.body_seconds,
    )
    return app


def _use_case(scope: Scope) -> str:
    """The operation's name in our description of the API."""
    # Where there is no route there is none, whatever the annotation says.
    handler: BaseRouteHandler | None = scope.get("route_handler")
    operation = handler.opt.get("operation") if handler is not None else None
    return operation.id if isinstance(operation, Operation) else "request"


def _threads(number: int) -> Hook:
    """Handlers run in the loop's own threads, of which Python would start a handful only."""

    async def start() -> None:
        executor = ThreadPoolExecutor(number, thread_name_prefix="http")
        asyncio.get_running_loop().set_default_executor(executor)

    return start


def parts_of(services: Services) -> dict[str, object]:
    """What handlers may ask for, by name; and who is calling, by `handing`."""
    return {
        "register_user": services.register,
        "verify": services.verify_address,
        "ask_to_verify": services.ask_to_verify,
        "ask_for_password_letter": services.ask_for_password,
        "reset": services.reset_password,
        "change_own_password": services.change_password,
        "end_own_session": services.end_session,
        "switch": services.switch_organisation,
        "log_user_in": services.log_in,
        "start_sign_in": services.start_sign_in,
        "sign_in": services.sign_in,
        "begin_linking": services.start_linking,
        "link_identity": services.finish_linking,
        "identities": services.own_identities,
        "refresh_session": services.refresh,
        "log_user_out": services.log_out,
        "create": services.create_api_key,
        "revoke": services.revoke_api_key,
        "enable": services.enable_api_key,
        "validate_token": services.validate_token,
        "plan": services.plan_deployment,
        "request_deployment": services.request_deployment,
        "request_key_change": services.request_key_change,
        "switch_account": services.switch_account,
        "derive": services.derive_accounts,
        "give_up": services.give_up_passphrase,
        "adopt": services.adopt_address,
        "withdraw_key_change": services.withdraw_key_change,
        "choose_custodian": services.choose_custodian,
        "set_policy": services.set_approval_policy,
        "decide": services.decide_approval,
        "cancel": services.cancel_deployment,
        "retry": services.retry_deployment,
        "validate_order": services.validate_order,
        "request_operation": services.request_token_operation,
        "inspect": services.inspect,
        "spend": services.spend,
        "start_checkout": services.start_checkout,
        "open_portal": services.open_portal,
        "find_invoices": services.list_invoices,
        "receive": services.receive_payment_event,
        "give": services.send_gift,
        "request_export": services.request_export,
        "export_files": services.export_files,
        "register_endpoint": services.register_endpoint,
        "change_endpoints": services.change_endpoints,
        "rotate_secret": services.rotate_secret,
        "send_again": services.send_again,
        "inviting": services.invite,
        "accept": services.accept_invitation,
        "members": services.list_members,
        "changing": services.change_member,
        "change_teams": services.change_teams,
        "change_quotas": services.change_quotas,
        "catalogue": services.catalogue,
        "state_account": services.state_account,
        "state_as_of": services.state_as_of,
        "read_personal": services.read_personal,
        "give_evidence": services.give_evidence,
        "prove_event": services.prove_event,
        "find_anchors": services.find_anchors,
        "prove_consistency": services.prove_consistency,
        "store": services.store,
        "clock": services.clock,
        "chains": services.chains,
        "pools": services.pools,
        "documents": services.documents,
        "tokens": services.tokens,
        GATEKEEPER: Gatekeeper.of(services),
        "ready": services.ready,
        "is_stopping": services.is_stopping,
        "public_url": services.public_url,
    }
