"""The treasury: the accounts that sign and pay for what organisations ask for."""

from collections.abc import Mapping

from attrs import evolve, frozen

from application.accounts.create_key import CreateAccountKey
from application.audit.trail import Trail
from application.deployments.pursue import Pursuit
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.paging import LONGEST_PAGE, PageRequest
from application.ports.storage.work import Scope, Store
from domain.account import Account
from domain.audit import OPERATOR, details_of
from domain.deployment import Deployment, Queued
from domain.errors import Refusal
from domain.identifiers import (
    INSTALLATION,
    AccountId,
    NetworkId,
    OperationId,
    Prefix,
    public_id,
)
from domain.operation import NoEffect, OperationKind, Signer, Step
from domain.token import Token


@frozen(kw_only=True)
class Treasury:
    signer: Signer
    #: In base units.
    balance: int
    #: The operation that installs what the network needs; None where it has it.
    installation: OperationId | None


@frozen(kw_only=True)
class CreateTreasury:
    """Make a network usable: a key, a line of slots, and the network's groundwork.

    Repeating it repeats nothing that is done.
    """

    store: Store
    chains: Mapping[NetworkId, Chain]
    create_key: CreateAccountKey
    custodian: str
    clock: Clock
    identifiers: Identifiers

    def __call__(self, network: NetworkId) -> Treasury | Refusal:
        """Raises: ChainUnavailableError, WrongChainError, and what creating a key raises."""
        chain = self.chains.get(network)
        if chain is None:
            return Refusal(code="unknown_network", detail=f"{network} is not configured")
        account = self._account(chain)
        if account.address is None or account.key is None or account.public_key is None:
            return Refusal(code="account_not_ready", detail="the treasury's key is not there yet")
        state = chain.signer_state(account.address)
        fresh = Signer(
            network=network,
            address=account.address,
            key=account.key,
            public_key=account.public_key,
            next_sequence=state.next_sequence,
        )
        with self.store.begin(Scope.installation()) as work:
            is_new = work.signers.add(fresh)
            signer = work.signers.get(network, account.address) or fresh
            if is_new:
                trail = self._trail()
                trail.add("signer.added", signer.address, self.clock.now(), live=account.live)
                trail.write(work)
        groundwork = chain.groundwork()
        installation = self._install(chain, signer, groundwork) if groundwork else None
        return Treasury(signer=signer, balance=state.balance, installation=installation)

    def _account(self, chain: Chain) -> Account:
        family, live = chain.network.family, chain.network.live
        with self.store.begin(Scope.installation()) as work:
            account = work.accounts.find(family, live=live)
            if account is None:
                account = Account(
                    organisation=INSTALLATION,
                    id=AccountId(self.identifiers.next()),
                    family=family,
                    live=live,
                    custodian=self.custodian,
                    created_at=self.clock.now(),
                )
                work.accounts.add(account)
        return self.create_key(INSTALLATION, account.id) or account

    def _install(self, chain: Chain, signer: Signer, token: Token) -> OperationId | None:
        id = OperationId(self.identifiers.next())
        now = self.clock.now()
        deployment = Deployment(
            organisation=INSTALLATION,
            id=id,
            kind=OperationKind.INSTALL_FACTORY,
            network=chain.network.id,
            live=chain.network.live,
            account=None,
            requested_by="operator",
            token=token,
            sender=signer.address,
            owner=signer.address,
            fee_ceiling=chain.network.fee_ceiling,
            credits=0,
            accepted_at=now,
            steps=tuple(
                Step(number=number, name=step.name)
                for number, step in enumerate(chain.steps(token), start=1)
            ),
            waiting_since=now,
        )
        intent = Pursuit.intent(deployment)
        if not isinstance(chain.effect_of(intent), NoEffect):
            return None
        deployment = evolve(deployment, predicted=chain.predicted(intent))
        with self.store.begin(Scope.installation()) as work:
            work.ledger.stand_in_line()
            page = work.deployments.list(PageRequest(limit=LONGEST_PAGE), network=chain.network.id)
            for known in page.items:
                if known.kind is OperationKind.INSTALL_FACTORY and known.state.is_open:
                    return known.id
            work.deployments.add(deployment, due_at=now)
            trail = self._trail()
            queued = Queued(kind=token.kind, network=chain.network.id, credits=0)
            trail.add(
                "installation.queued",
                public_id(Prefix.DEPLOYMENT, id),
                now,
                live=deployment.live,
                details=details_of(queued),
            )
            trail.write(work)
        return id

    def _trail(self) -> Trail:
        return Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)


@frozen(kw_only=True)
class Resume:
    """A person has looked: sign again on a halted network, and with its halted signers."""

    store: Store
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers

    def __call__(self, network: NetworkId, reason: str) -> list[str] | Refusal:
        """What was halted and goes on.  Nonces start behind whatever the chain has seen taken.

        Raises: ChainUnavailableError, WrongChainError.
        """
        chain = self.chains.get(network)
        if chain is None:
            return Refusal(code="unknown_network", detail=f"{network} is not configured")
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        final = chain.head().final
        with self.store.begin(Scope.installation()) as work:
            known = work.signers.of_network(network)
        # Issuing accounts may be thousands: only those that stand still are asked about.
        halted = [signer.address for signer in known if signer.halted is not None]
        taken = {address: chain.signer_state(address).next_sequence for address in halted}
        resumed: list[str] = []
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
        with self.store.begin(Scope.installation()) as work:
            for address in sorted(taken):
                signer = work.signers.lock(network, address)
                if signer is None or signer.halted is None:
                    continue
                next_sequence = max(signer.next_sequence, taken[address])
                work.signers.put(evolve(signer, halted=None, next_sequence=next_sequence))
                trail.add("signer.resumed", address, self.clock.now(), details={"reason": reason})
                resumed.append(address)
            status = work.networks.lock(network)
            if status.halted is not None:
                work.networks.put(evolve(status, halted=None, final=final))
                trail.add("network.resumed", network, self.clock.now(), details={"reason": reason})
                resumed.append(network)
            trail.write(work)
        return resumed
