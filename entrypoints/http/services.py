"""What the HTTP face needs, put together by the composition root."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, TypeAlias, TypeVar

from attrs import field, frozen
from litestar.di import Dependency as NamedDependency
from litestar.params import SkipValidationMarker

from application.access.api_keys import CreateApiKey, EnableApiKey, RevokeApiKey
from application.access.authenticate import Authenticate
from application.access.identities import FinishLinking, OwnIdentities, StartLinking
from application.access.log_in import LogIn
from application.access.log_out import LogOut
from application.access.own_sessions import EndSession, SwitchOrganisation
from application.access.passwords import AskForPassword, ChangePassword, ResetPassword
from application.access.refresh import Refresh
from application.access.register import Register
from application.access.sign_in_flow import StartFlow
from application.access.single_sign_on import SignIn
from application.access.throttle import CountRequests
from application.access.verify import AskToVerify, VerifyAddress
from application.audit.anchors import FindAnchors
from application.audit.as_of import StateAsOf
from application.audit.personal import ReadPersonal
from application.billing.checkout import StartCheckout
from application.billing.customer_pages import ListInvoices, OpenPortal
from application.billing.receive import ReceivePaymentEvent
from application.credits.account import StateAccount
from application.deployments.approve import DecideApproval, SetApprovalPolicy
from application.deployments.cancel import CancelDeployment
from application.deployments.plan import PlanDeployment
from application.deployments.request import RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.validation import ValidateToken
from application.evidence.give import GiveEvidence
from application.evidence.prove import ProveConsistency, ProveEvent
from application.exports.request import RequestExport
from application.keys.adopt import AdoptAddress
from application.keys.derive import DeriveAccounts
from application.keys.give_up import GiveUpPassphrase
from application.keys.request import ChooseCustodian, RequestKeyChange, SwitchAccount
from application.keys.withdraw import WithdrawKeyChange
from application.metered.spend import SpendCredits
from application.notifications.again import RotateSecret, SendAgain
from application.notifications.endpoints import ChangeEndpoints, RegisterEndpoint
from application.people.gifts import SendGift
from application.people.members import AcceptInvitation, ChangeMember, Invite, ListMembers
from application.people.teams_and_quotas import ChangeQuotas, ChangeTeams
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.files import Files
from application.ports.identifiers import Identifiers
from application.ports.metadata import MetadataStore
from application.ports.nodes import NodePool
from application.ports.storage.work import Store
from application.ports.telemetry import Telemetry
from application.tokens.inspect import Inspect
from application.tokens.request import RequestTokenOperation, ValidateOrder
from domain.catalogue import Catalogue
from domain.identifiers import NetworkId
from entrypoints.http.access_tokens import AccessTokens

T = TypeVar("T")

Hook = Callable[[], Awaitable[None]]

# How handlers ask for things, by the parameter's name (`handing`).  A name that nobody has is
# refused by the framework when the application is made.
Given: TypeAlias = Annotated[T, NamedDependency(), SkipValidationMarker()]

AStore = Given[Store]
AClock = Given[Clock]
ACatalogue = Given[Catalogue]
Chains = Given[Mapping[NetworkId, Chain]]
Documents = Given[MetadataStore]
Pools = Given[Mapping[NetworkId, NodePool]]
Readiness = Given[Callable[[], Mapping[str, str]]]
Stopping = Given[Callable[[], bool]]
PublicUrl = Given[str]


@frozen(kw_only=True)
class Limits:
    max_body_bytes: int = 64 * 1024
    #: How long a body may take to arrive.
    body_seconds: float = 10.0
    #: Reads, plans, and whatever comes from one network without a log-in.
    read_limit_per_minute: int = 600
    #: Event streams of one member or API key that are open at once, in one process.
    streams: int = 16
    #: Requests that are worked on at once; the database pool should have as many connections.
    threads: int = 32
    #: And where operations are brief: so many that read, and so many that change something, which
    #: may wait for an organisation's wallet.
    brief_threads: int = 6


@frozen(kw_only=True)
class Services:
    # Use cases.
    register: Register
    verify_address: VerifyAddress
    ask_to_verify: AskToVerify
    ask_for_password: AskForPassword
    reset_password: ResetPassword
    change_password: ChangePassword
    end_session: EndSession
    switch_organisation: SwitchOrganisation
    log_in: LogIn
    start_sign_in: StartFlow
    sign_in: SignIn
    start_linking: StartLinking
    finish_linking: FinishLinking
    own_identities: OwnIdentities
    refresh: Refresh
    log_out: LogOut
    authenticate: Authenticate
    count_requests: CountRequests
    create_api_key: CreateApiKey
    revoke_api_key: RevokeApiKey
    enable_api_key: EnableApiKey
    validate_token: ValidateToken
    plan_deployment: PlanDeployment
    request_deployment: RequestDeployment
    request_key_change: RequestKeyChange
    switch_account: SwitchAccount
    derive_accounts: DeriveAccounts
    give_up_passphrase: GiveUpPassphrase
    adopt_address: AdoptAddress
    withdraw_key_change: WithdrawKeyChange
    choose_custodian: ChooseCustodian
    set_approval_policy: SetApprovalPolicy
    decide_approval: DecideApproval
    cancel_deployment: CancelDeployment
    retry_deployment: RetryDeployment
    validate_order: ValidateOrder
    request_token_operation: RequestTokenOperation
    inspect: Inspect
    spend: SpendCredits
    send_gift: SendGift
    request_export: RequestExport
    register_endpoint: RegisterEndpoint
    change_endpoints: ChangeEndpoints
    rotate_secret: RotateSecret
    send_again: SendAgain
    invite: Invite
    accept_invitation: AcceptInvitation
    list_members: ListMembers
    change_member: ChangeMember
    change_teams: ChangeTeams
    change_quotas: ChangeQuotas
    state_account: StateAccount
    state_as_of: StateAsOf
    read_personal: ReadPersonal
    give_evidence: GiveEvidence
    prove_event: ProveEvent
    find_anchors: FindAnchors
    prove_consistency: ProveConsistency
    catalogue: Catalogue
    start_checkout: StartCheckout
    open_portal: OpenPortal
    list_invoices: ListInvoices
    receive_payment_event: ReceivePaymentEvent
    # Ports that handlers read from.
    telemetry: Telemetry
    store: Store
    clock: Clock
    identifiers: Identifiers
    chains: Mapping[NetworkId, Chain]
    #: The nodes behind each of `chains`.
    pools: Mapping[NetworkId, NodePool]
    #: What ``/m/`` serves.
    documents: MetadataStore
    #: Where the parts of exports are.
    export_files: Files
    # The edge's own.
    tokens: AccessTokens
    limits: Limits = Limits()
    #: Name of what is not ready, and why; empty: ready.
    ready: Callable[[], Mapping[str, str]] = dict
    #: Serves /docs.
    documentation: bool = True
    #: ``https://issue.example.com``; empty: links are relative.
    public_url: str = ""
    #: The one host name that documents are served from; empty: any.
    document_host: str = ""
    #: How many proxies of ours stand in front; 0: the connection's own address counts.
    trusted_proxies: int = 0
    #: Ends event streams, so that the server can stop; set as soon as a stop is asked for.
    is_stopping: Callable[[], bool] = field(default=lambda: False)
    on_startup: Sequence[Hook] = ()
    on_shutdown: Sequence[Hook] = ()
