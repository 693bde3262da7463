"""The composition root: the only place where ports meet adapters."""

from dependency_injector import containers, providers

from adapters.aes import AesGcm
from adapters.argon2 import Argon2Passwords
from adapters.system import (
    AnchoredClock,
    DerivationPool,
    GroupCommit,
    LogAlarms,
    SystemClock,
    SystemIdentifiers,
)
from adapters.telemetry import Tracing
from adapters.telemetry.watched import WatchedAlarms, WatchedTurn
from application.access.api_keys import CreateApiKey, EnableApiKey, RevokeApiKey
from application.access.authenticate import Authenticate
from application.access.enrol import Enrol
from application.access.identities import FinishLinking, OwnIdentities, StartLinking
from application.access.log_in import LogIn
from application.access.log_out import LogOut
from application.access.own_password import CheckOwnPassword
from application.access.own_sessions import EndSession, SwitchOrganisation
from application.access.passwords import AskForPassword, ChangePassword, ResetPassword
from application.access.refresh import Refresh
from application.access.register import Register
from application.access.sign_in_flow import FinishFlow, StartFlow
from application.access.single_sign_on import SignIn
from application.access.throttle import CountRequests
from application.access.verify import AskToVerify, FindLetter, VerifyAddress
from application.accounts.create_key import CreateAccountKey
from application.anchors.request import AnchorWhenDue, RequestAnchor
from application.audit.anchors import FindAnchors
from application.audit.as_of import StateAsOf
from application.audit.logs import OpenLog, ResumeLog
from application.audit.personal import KnowPeople, ReadPersonal
from application.audit.seal import Seal
from application.audit.voids import VoidNumber
from application.audit.watch import WatchSeals
from application.billing.charge import ChargeFees
from application.billing.checkout import StartCheckout
from application.billing.customer_pages import ListInvoices, OpenPortal
from application.billing.follow import FollowLicences
from application.billing.leave import LeaveEnded
from application.billing.publish import PublishCatalogue
from application.billing.receive import ReceivePaymentEvent
from application.billing.reconcile import Reconcile
from application.billing.settle import Settle
from application.credits.account import StateAccount
from application.credits.allowance import GiveAllowances
from application.credits.fees import PriceFees, SetRate
from application.deployments.advance import Advance
from application.deployments.approve import DecideApproval, SetApprovalPolicy
from application.deployments.cancel import CancelDeployment
from application.deployments.full_lines import FullLines
from application.deployments.halt import Halt
from application.deployments.plan import PlanDeployment
from application.deployments.publish import Publish
from application.deployments.pursue import Pursuit
from application.deployments.request import RequestDeployment
from application.deployments.retry import RetryDeployment
from application.deployments.validation import ValidateToken
from application.deployments.watch import WatchNetwork
from application.evidence.give import GiveEvidence
from application.evidence.prove import ProveConsistency, ProveEvent
from application.evidence.verify import VerifyAudit
from application.exports.expire import ExpireExports
from application.exports.make import MakeExport
from application.exports.request import RequestExport
from application.keys.adopt import AdoptAddress
from application.keys.carry_out import CarryOutKeyChange
from application.keys.derive import DeriveAccounts
from application.keys.give_up import GiveUpPassphrase
from application.keys.request import ChooseCustodian, RequestKeyChange, SwitchAccount
from application.keys.withdraw import WithdrawKeyChange
from application.mail.send import SendLetter
from application.mail.write import ReadLetter, WriteLetter
from application.metered.serve import ServeTurn
from application.metered.spend import SpendCredits
from application.notifications.again import RotateSecret, SendAgain
from application.notifications.deliver import DeliverWebhooks
from application.notifications.endpoints import ChangeEndpoints, RegisterEndpoint
from application.notifications.fan_out import FanOut
from application.notifications.secrets import EndpointSecrets
from application.operator.adjust import AdjustCredits, CorrectCapture
from application.operator.credits import GrantCredits, SetTariff
from application.operator.dispatch import Dispatch
from application.operator.end import EndOperation
from application.operator.end_access import EndAllAccess
from application.operator.endpoints import OperatorsEndpoints
from application.operator.erase import EraseSubject
from application.operator.growth import ReportActivation, ReportRecurring
from application.operator.installation_secret import InstallationSecret
from application.operator.leaked_key import RevokeLeakedKey
from application.operator.limits import LiftLimits, RaiseLimit
from application.operator.margin import ReportMargin
from application.operator.rewrap import Rewrap
from application.operator.sweep import Sweep
from application.operator.treasury import CreateTreasury, Resume
from application.operator.verify_ledger import VerifyLedger
from application.operator.watch_treasuries import WatchTreasuries
from application.people.gifts import DeliverGift, SendGift
from application.people.members import AcceptInvitation, ChangeMember, Invite, ListMembers
from application.people.teams_and_quotas import ChangeQuotas, ChangeTeams
from application.retention.archive import ArchiveMonth
from application.retention.archived import ProveArchived
from application.retention.drop import DeleteArchive, DropMonth, PutBack
from application.retention.holds import LiftHold, PlaceHold
from application.retention.tables import ArchiveFiles
from application.tokens.inspect import Inspect
from application.tokens.request import RequestTokenOperation, ValidateOrder
from application.tokens.watch import WatchForgotten, WatchTokens
from entrypoints import assembly
from entrypoints.settings import Settings

One = providers.Singleton


class Container(containers.DeclarativeContainer):
    """Everything once per process; asks nobody when it is built."""

    settings = providers.Dependency(instance_of=Settings)

    catalogue = settings.provided.catalogue

    telemetry = One(Tracing)
    alarms = One(WatchedAlarms, One(LogAlarms), telemetry)
    store = One(assembly.store, settings)
    clock = One(AnchoredClock, store.provided.instant)
    machine_clock = One(SystemClock)
    identifiers = One(SystemIdentifiers, clock)
    passwords = One(Argon2Passwords)
    books = One(assembly.books, settings)
    tasks = One(assembly.tasks, settings)
    documents = One(assembly.documents, settings, store)
    metadata = One(assembly.metadata, settings, documents)
    chains = One(assembly.chains, settings, metadata, telemetry)
    wrapping = One(assembly.wrapping, settings)
    payments = One(assembly.payments, settings)
    custodians = One(assembly.custodians, settings, store, telemetry)

    cipher = One(AesGcm)
    people = One(
        KnowPeople,
        store=store,
        wrapping=wrapping,
        cipher=cipher,
        clock=clock,
        identifiers=identifiers,
    )
    read_personal = One(ReadPersonal, store=store, wrapping=wrapping, cipher=cipher)
    mail = One(assembly.mail, settings)
    write_letter = One(WriteLetter, wrapping=wrapping, clock=clock, identifiers=identifiers)
    read_letter = One(ReadLetter, wrapping=wrapping)
    find_letter = One(FindLetter, store=store, clock=clock)
    send_letter = One(
        SendLetter,
        store=store,
        mail=mail,
        read=read_letter,
        clock=clock,
        url=settings.provided.base_url,
    )
    enrol = One(
        Enrol,
        store=store,
        catalogue=catalogue,
        clock=clock,
        identifiers=identifiers,
        people=people,
        custodian=settings.provided.custodian,
        places=One(assembly.account_places, settings),
        origin=settings.provided.account_origin,
    )
    register = One(
        Register,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        enrol=enrol,
        write=write_letter,
        verifies=settings.provided.mail.verifies,
        has_mail=settings.provided.mail.is_there,
    )
    log_in = One(
        LogIn,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        people=people,
    )
    verify_address = One(
        VerifyAddress,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        people=people,
        find=find_letter,
        read=read_letter,
        enrol=enrol,
        log_in=log_in,
    )
    ask_to_verify = One(
        AskToVerify,
        store=store,
        clock=clock,
        write=write_letter,
        has_mail=settings.provided.mail.is_there,
    )
    ask_for_password = One(
        AskForPassword,
        store=store,
        clock=clock,
        identifiers=identifiers,
        write=write_letter,
        has_mail=settings.provided.mail.is_there,
    )
    reset_password = One(
        ResetPassword,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        people=people,
        find=find_letter,
        write=write_letter,
    )
    change_password = One(
        ChangePassword,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        people=people,
        write=write_letter,
    )
    egress = One(assembly.egress, settings)
    identity_provider = One(assembly.identity_provider, settings, egress, clock)
    start_flow = One(
        StartFlow, store=store, clock=clock, identifiers=identifiers, provider=identity_provider
    )
    finish_flow = One(FinishFlow, store=store, clock=clock, provider=identity_provider)
    sign_in = One(
        SignIn,
        store=store,
        clock=clock,
        identifiers=identifiers,
        passwords=passwords,
        people=people,
        enrol=enrol,
        write=write_letter,
        finish=finish_flow,
        rules=settings.provided.sign_in_rules,
    )
    check_own_password = One(CheckOwnPassword, store=store, clock=clock, passwords=passwords)
    start_linking = One(
        StartLinking,
        start=start_flow,
        check=check_own_password,
    )
    finish_linking = One(
        FinishLinking,
        store=store,
        clock=clock,
        identifiers=identifiers,
        people=people,
        write=write_letter,
        finish=finish_flow,
        rules=settings.provided.sign_in_rules,
    )
    own_identities = One(
        OwnIdentities, store=store, clock=clock, identifiers=identifiers, people=people
    )
    end_session = One(EndSession, store=store, clock=clock, identifiers=identifiers, people=people)
    switch_organisation = One(
        SwitchOrganisation, store=store, clock=clock, identifiers=identifiers, people=people
    )
    refresh = One(
        Refresh,
        store=store,
        clock=clock,
        identifiers=identifiers,
        wrapping=wrapping,
        people=people,
    )
    log_out = One(LogOut, store=store, clock=clock, identifiers=identifiers, people=people)
    authenticate = One(Authenticate, store=store, clock=clock)
    state_as_of = One(StateAsOf, store=store)
    count_requests = One(
        CountRequests,
        store=store,
        catalogue=catalogue,
        rules=settings.provided.abuse,
        clock=clock,
        identifiers=identifiers,
    )
    create_api_key = One(
        CreateApiKey, store=store, clock=clock, identifiers=identifiers, people=people
    )
    revoke_api_key = One(
        RevokeApiKey, store=store, clock=clock, identifiers=identifiers, people=people
    )
    enable_api_key = One(
        EnableApiKey, store=store, clock=clock, identifiers=identifiers, people=people
    )
    end_all_access = One(EndAllAccess, store=store, clock=clock, identifiers=identifiers)
    revoke_leaked_key = One(RevokeLeakedKey, store=store, clock=clock, identifiers=identifiers)
    erase_subject = One(EraseSubject, store=store, clock=clock, identifiers=identifiers)

    webhook_secrets = One(
        EndpointSecrets,
        wrapping=wrapping,
        seeds=One(assembly.seed_signing),
        identifiers=identifiers,
    )
    register_endpoint = One(
        RegisterEndpoint,
        store=store,
        egress=egress,
        secrets=webhook_secrets,
        clock=clock,
        identifiers=identifiers,
    )
    change_endpoints = One(
        ChangeEndpoints, store=store, egress=egress, clock=clock, identifiers=identifiers
    )
    operators_endpoints = One(
        OperatorsEndpoints,
        store=store,
        register=register_endpoint,
        change=change_endpoints,
        identifiers=identifiers,
    )
    rotate_secret = One(
        RotateSecret, store=store, secrets=webhook_secrets, clock=clock, identifiers=identifiers
    )
    send_again = One(SendAgain, store=store, clock=clock, identifiers=identifiers)
    fan_out = One(FanOut, store=store, clock=clock, identifiers=identifiers)
    deliver_webhooks = One(
        DeliverWebhooks,
        store=store,
        egress=egress,
        secrets=webhook_secrets,
        telemetry=telemetry,
        clock=clock,
        identifiers=identifiers,
    )

    create_account_key = One(
        CreateAccountKey,
        store=store,
        custodians=custodians,
        chains=chains,
        clock=clock,
        identifiers=identifiers,
    )

    derive_accounts = One(
        DeriveAccounts,
        store=store,
        custodians=custodians,
        chains=chains,
        check=check_own_password,
        derive=One(DerivationPool),
        public_key_of=One(assembly.public_keys),
        clock=clock,
        identifiers=identifiers,
    )

    give_up_passphrase = One(
        GiveUpPassphrase,
        store=store,
        custodians=custodians,
        chains=chains,
        clock=clock,
        identifiers=identifiers,
    )

    budgets = One(assembly.budgets, settings)
    request_key_change = One(
        RequestKeyChange,
        store=store,
        custodians=custodians,
        offered=settings.provided.offered_custodians,
        clock=clock,
        identifiers=identifiers,
    )
    choose_custodian = One(
        ChooseCustodian,
        store=store,
        offered=settings.provided.offered_custodians,
        clock=clock,
        identifiers=identifiers,
    )
    adopt_address = One(
        AdoptAddress, store=store, chains=chains, clock=clock, identifiers=identifiers
    )
    switch_account = One(SwitchAccount, store=store, clock=clock, identifiers=identifiers)
    withdraw_key_change = One(WithdrawKeyChange, store=store, clock=clock, identifiers=identifiers)
    carry_out_key_change = One(
        CarryOutKeyChange,
        store=store,
        budgets=budgets,
        custodians=custodians,
        chains=chains,
        clock=clock,
        identifiers=identifiers,
    )

    validate_token = One(ValidateToken, chains=chains)
    plan_deployment = One(
        PlanDeployment,
        store=store,
        budgets=budgets,
        catalogue=catalogue,
        chains=chains,
        custodians=custodians,
        clock=clock,
        identifiers=identifiers,
    )
    request_deployment = One(
        RequestDeployment,
        store=store,
        budgets=budgets,
        catalogue=catalogue,
        chains=chains,
        custodians=custodians,
        clock=clock,
        identifiers=identifiers,
        rules=settings.provided.abuse,
    )
    set_approval_policy = One(SetApprovalPolicy, store=store, clock=clock, identifiers=identifiers)
    decide_approval = One(DecideApproval, store=store, clock=clock, identifiers=identifiers)
    cancel_deployment = One(
        CancelDeployment, store=store, chains=chains, clock=clock, identifiers=identifiers
    )
    retry_deployment = One(
        RetryDeployment,
        store=store,
        budgets=budgets,
        catalogue=catalogue,
        chains=chains,
        clock=clock,
        identifiers=identifiers,
        rules=settings.provided.abuse,
    )
    validate_order = One(ValidateOrder, store=store, chains=chains)
    request_token_operation = One(
        RequestTokenOperation,
        store=store,
        budgets=budgets,
        catalogue=catalogue,
        chains=chains,
        custodians=custodians,
        clock=clock,
        identifiers=identifiers,
        rules=settings.provided.abuse,
    )
    serve_turn = One(
        ServeTurn,
        store=store,
        catalogue=catalogue,
        rules=settings.provided.abuse,
        clock=clock,
        identifiers=identifiers,
    )
    spend = One(SpendCredits, together=One(GroupCommit, One(WatchedTurn, serve_turn, telemetry)))
    inspect = One(Inspect, store=store, chains=chains)
    halt = One(Halt, store=store, alarms=alarms, clock=clock, identifiers=identifiers)
    pursuit = One(Pursuit, store=store, custodians=custodians)
    publish = One(Publish, metadata=metadata)
    full_lines = One(FullLines, clock)
    advance = One(
        Advance,
        store=store,
        catalogue=catalogue,
        chains=chains,
        pursuit=pursuit,
        publish=publish,
        halt=halt,
        full=full_lines,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
    )
    watch_network = One(WatchNetwork, store=store, chains=chains, halt=halt)
    watch_tokens = One(
        WatchTokens,
        store=store,
        inspect=inspect,
        halt=halt,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
        every=settings.provided.drift_check,
    )
    watch_treasuries = One(
        WatchTreasuries,
        store=store,
        chains=chains,
        thresholds=One(assembly.thresholds, settings),
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
    )
    watch_forgotten = One(WatchForgotten, store=store, clock=clock)

    verifies = One(assembly.verifies)
    seals = One(assembly.seals, settings)
    seal_state = One(assembly.seal_state, settings)
    seal = One(
        Seal,
        seals=seals,
        state=seal_state,
        custodians=custodians,
        verifies=verifies,
        alarms=alarms,
        clock=clock,
        key=settings.provided.seal_key,
    )
    open_log = One(
        OpenLog,
        store=store,
        seals=seals,
        state=seal_state,
        custodians=custodians,
        custodian=settings.provided.custodian,
        key=settings.provided.seal_key,
        installation=settings.provided.installation,
        host=settings.provided.audit_host,
        clock=clock,
        identifiers=identifiers,
    )
    resume_log = One(
        ResumeLog,
        store=store,
        seals=seals,
        state=seal_state,
        verifies=verifies,
        clock=clock,
        identifiers=identifiers,
    )
    void_number = One(VoidNumber, store=store, clock=clock, identifiers=identifiers)
    watch_seals = One(WatchSeals, store=store, alarms=alarms, clock=clock)

    rewrap = One(
        Rewrap,
        store=store,
        wrapping=wrapping,
        envelopes=One(assembly.envelopes),
        clock=clock,
        identifiers=identifiers,
    )
    installation_secret = One(
        InstallationSecret, store=store, wrapping=wrapping, identifiers=identifiers
    )
    state_account = One(StateAccount, store=store, catalogue=catalogue, clock=clock)
    prove_event = One(ProveEvent, store=store)
    prove_consistency = One(ProveConsistency, store=store)
    give_evidence = One(
        GiveEvidence,
        store=store,
        chains=chains,
        clock=clock,
        identifiers=identifiers,
        installation=settings.provided.installation,
        anchors=settings.provided.anchor_networks,
    )
    price_fees = One(PriceFees, store=store, catalogue=catalogue, clock=clock)
    set_rate = One(
        SetRate,
        store=store,
        networks=One(assembly.network_ids, settings),
        clock=clock,
        identifiers=identifiers,
    )
    give_allowances = One(
        GiveAllowances, store=store, catalogue=catalogue, clock=clock, identifiers=identifiers
    )
    grant_credits = One(GrantCredits, store=store, clock=clock, identifiers=identifiers)
    send_gift = One(
        SendGift,
        store=store,
        clock=clock,
        identifiers=identifiers,
        daily_cap=settings.provided.gift_daily_cap,
    )
    deliver_gift = One(DeliverGift, store=store, clock=clock, identifiers=identifiers)
    export_files = One(assembly.export_files, settings)
    request_export = One(
        RequestExport,
        store=store,
        clock=clock,
        identifiers=identifiers,
        has_place=settings.provided.exports.has_place,
    )
    make_export = One(
        MakeExport,
        store=store,
        files=export_files,
        formats=One(assembly.table_formats),
        clock=clock,
        identifiers=identifiers,
        part_limit=settings.provided.exports.part_limit,
        kept_for=settings.provided.exports.kept_for,
    )
    expire_exports = One(
        ExpireExports, store=store, files=export_files, clock=clock, identifiers=identifiers
    )
    archive_files = One(assembly.archive_files, settings)
    archive_tables = One(
        ArchiveFiles,
        files=archive_files,
        formats=One(assembly.table_formats),
        part_limit=settings.provided.exports.part_limit,
    )
    archive_month = One(
        ArchiveMonth,
        store=store,
        files=archive_tables,
        clock=clock,
        identifiers=identifiers,
        installation=settings.provided.installation,
        hot_months=settings.provided.retention.hot_months,
    )
    drop_month = One(
        DropMonth,
        store=store,
        files=archive_tables,
        partitions=One(assembly.partitions, settings),
        clock=clock,
        identifiers=identifiers,
        installation=settings.provided.installation,
    )
    delete_archive = One(
        DeleteArchive,
        store=store,
        files=archive_files,
        clock=clock,
        identifiers=identifiers,
        installation=settings.provided.installation,
        kept_months=settings.provided.retention.kept_months,
    )
    prove_archived = One(ProveArchived, store=store, files=archive_tables)
    verify_audit = One(VerifyAudit, store=store, verifies=verifies, archived=prove_archived)
    put_back = One(PutBack, store=store, partitions=One(assembly.partitions, settings))
    place_hold = One(PlaceHold, store=store, clock=clock, identifiers=identifiers)
    lift_hold = One(LiftHold, store=store, clock=clock, identifiers=identifiers)
    invite = One(
        Invite,
        store=store,
        clock=clock,
        identifiers=identifiers,
        write=write_letter,
        read=read_letter,
        has_mail=settings.provided.mail.is_there,
    )
    accept_invitation = One(
        AcceptInvitation,
        store=store,
        clock=clock,
        identifiers=identifiers,
        people=people,
        find=find_letter,
        read=read_letter,
    )
    list_members = One(ListMembers, store=store)
    change_member = One(ChangeMember, store=store, clock=clock, identifiers=identifiers)
    change_teams = One(ChangeTeams, store=store, clock=clock, identifiers=identifiers)
    change_quotas = One(ChangeQuotas, store=store, clock=clock, identifiers=identifiers)
    set_tariff = One(
        SetTariff, store=store, catalogue=catalogue, clock=clock, identifiers=identifiers
    )
    lift_limits = One(LiftLimits, store=store, clock=clock, identifiers=identifiers)
    raise_limit = One(RaiseLimit, store=store, clock=clock, identifiers=identifiers)
    request_anchor = One(
        RequestAnchor,
        store=store,
        chains=chains,
        verifies=verifies,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
    )
    anchor_when_due = One(
        AnchorWhenDue,
        store=store,
        request=request_anchor,
        networks=settings.provided.anchor_networks,
        every=settings.provided.anchor_every,
        alarms=alarms,
        clock=clock,
    )
    find_anchors = One(FindAnchors, store=store)
    create_treasury = One(
        CreateTreasury,
        store=store,
        chains=chains,
        create_key=create_account_key,
        custodian=settings.provided.custodian,
        clock=clock,
        identifiers=identifiers,
    )
    end_operation = One(
        EndOperation, store=store, chains=chains, clock=clock, identifiers=identifiers
    )
    resume = One(Resume, store=store, chains=chains, clock=clock, identifiers=identifiers)
    adjust_credits = One(AdjustCredits, store=store, clock=clock, identifiers=identifiers)
    correct_capture = One(CorrectCapture, store=store, clock=clock, identifiers=identifiers)
    follow_licences = One(FollowLicences, store=store, clock=clock, identifiers=identifiers)
    start_checkout = One(
        StartCheckout,
        store=store,
        payments=payments,
        catalogue=catalogue,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
        return_url=settings.provided.base_url,
    )
    open_portal = One(
        OpenPortal, store=store, payments=payments, return_url=settings.provided.base_url
    )
    list_invoices = One(ListInvoices, store=store, payments=payments)
    settle = One(
        Settle,
        store=store,
        payments=payments,
        catalogue=catalogue,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
    )
    receive_payment_event = One(ReceivePaymentEvent, payments=payments, settle=settle, clock=clock)
    publish_catalogue = One(PublishCatalogue, payments=payments, catalogue=catalogue)
    reconcile = One(
        Reconcile, store=store, payments=payments, settle=settle, alarms=alarms, clock=clock
    )
    charge_fees = One(
        ChargeFees,
        store=store,
        payments=payments,
        alarms=alarms,
        clock=clock,
        identifiers=identifiers,
    )
    leave_ended = One(
        LeaveEnded, store=store, catalogue=catalogue, clock=clock, identifiers=identifiers
    )
    report_margin = One(
        ReportMargin,
        books=books,
        decimals=One(assembly.coin_digits, settings),
        currency=catalogue.provided.currency,
    )
    report_recurring = One(ReportRecurring, books=books, catalogue=catalogue, clock=clock)
    report_activation = One(ReportActivation, books=books, clock=clock)
    verify_ledger = One(VerifyLedger, books=books)
    dispatch = One(Dispatch, store=store, tasks=tasks)
    sweep = One(Sweep, store=store, tasks=tasks, clock=clock)


def build_container(settings: Settings) -> Container:
    return Container(settings=providers.Object(settings))
