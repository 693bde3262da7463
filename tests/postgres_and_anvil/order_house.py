"""The house on its real parts, with a token that its issuer does something with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from psycopg import sql

from application.deployments.request import Accepted
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.work import Scope
from application.tokens.request import RequestTokenOperation, TokenOperationRequest
from domain.deployment import Deployment, State
from domain.identifiers import OperationId
from domain.token import Action, Order
from tests.application.mortal import Fate
from tests.postgres_and_anvil.house import RealHouse

#: Gets what is minted.
HOLDER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
#: An unlocked account of anvil's.
STRANGER = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"


class OrderHouse(RealHouse):
    def issued(self, **changes: object) -> Deployment:
        """A token that exists."""
        id = self.deploy(token=self.token(**changes)).id
        self.lives(Fate({}))
        issued = self.get(id)
        assert issued.state is State.COMPLETED, (issued.waiting, issued.failure)
        return issued

    def operated(self, token: Deployment, action: Action, **parameters: object) -> Deployment:
        """An accepted operation on *token*."""
        order = self.chain.order(token.token, action, parameters)
        assert isinstance(order, Order), order
        self._requests += 1
        answer = RequestTokenOperation(
            store=self.store,
            catalogue=self.catalogue,
            chains=self.chains,
            custodians=self.custodians,
            clock=self.clock,
            identifiers=self.identifiers,
            budgets=self.budgets,
        )(
            self.caller,
            TokenOperationRequest(token=token.id, order=order),
            IdempotencyKey(live=False, route="POST /v1/tokens", key=f"key-{self._requests}"),
            bytes(32),
        )
        assert isinstance(answer, Accepted), answer
        return answer.deployment

    def minting(self, token: Deployment, amount: int = 5) -> Deployment:
        return self.operated(token, Action.MINT, to=HOLDER, amount=str(amount))

    def until(self, id: OperationId, reached: Any) -> Deployment:
        """Worker after worker, until the operation is as *reached* says."""
        for _ in range(40):
            if reached(self.get(id)):
                return self.get(id)
            self.lives_once(Fate({}))
        raise AssertionError(self.get(id))

    def paid_for(self, token: Deployment) -> Deployment:
        """A mint whose first step is final, and of whose second nothing has been done."""
        return self.begun(self.minting(token).id)

    def begun(self, id: OperationId) -> Deployment:
        """The one that is open: its first step is final, its second untouched."""
        advance = self.advance()
        (claim,) = self.claims()
        while not self.get(id).has_begun:
            advance.step(claim)
        self.give_back([claim])
        return self.get(id)

    # Orders are operations, too.

    def open_deployments(self) -> Sequence[Deployment]:  # type: ignore[override]  # read only
        ids = self.sql("SELECT id FROM operations WHERE due_at IS NOT NULL")
        with self.store.begin(self.scope) as work:
            found = [work.deployments.get(id) for (id,) in ids]
        return [each for each in found if each is not None]

    @property
    def is_halted(self) -> bool:
        with self.store.begin(Scope.installation()) as work:
            signers = work.signers.of_network(self.network)
        return self.network_status.halted is not None or any(s.halted for s in signers)

    # Eyes of our own.

    def view(self, token: Deployment, signature: str, *arguments: object) -> int:
        types = signature[signature.index("(") + 1 : -1].split(",") if arguments else []
        data = "0x" + (keccak(text=signature)[:4] + encode(types, arguments)).hex()
        call = {"to": token.result, "data": data}
        return int(str(self.anvil.call("eth_call", call, "latest")), 16)

    def minted(self, token: Deployment) -> int:
        return self.view(token, "balanceOf(address)", HOLDER.lower())

    def nonces_of(self, address: str | None) -> int:
        return int(str(self.anvil.call("eth_getTransactionCount", address, "latest")), 16)

    def is_captured_once(self, operation: Deployment) -> None:
        assert self.state_of(operation.id) == "Completed", self.get(operation.id)
        self.hold_is(operation, "captured")

    def hold_is(self, operation: Deployment, state: str) -> None:
        holds = self.sql("SELECT state::text, amount FROM holds WHERE subject = %s", operation.id)
        assert holds == [(state, operation.credits)]

    # Other people.

    def hand_pausing_over(self, token: Deployment) -> None:
        """The issuer lets a stranger pause, too; before its line is known to us."""
        owner = token.owner
        self.anvil.call("anvil_setBalance", owner, hex(10**18))
        self.anvil.call("anvil_impersonateAccount", owner)
        data = keccak(text="grantRole(bytes32,address)")[:4]
        data += encode(["bytes32", "address"], [keccak(text="PAUSER_ROLE"), STRANGER.lower()])
        self._send(owner, token, data)
        self.anvil.call("anvil_stopImpersonatingAccount", owner)
        self.anvil.call("anvil_setBalance", owner, "0x0")

    def stranger_does(self, token: Deployment, signature: str) -> None:
        self._send(STRANGER, token, keccak(text=signature)[:4])

    def _send(self, sender: str | None, token: Deployment, data: bytes) -> None:
        call = {"from": sender, "to": token.result, "data": "0x" + data.hex()}
        id = self.anvil.call("eth_sendTransaction", call)
        self.anvil.call("evm_mine")
        receipt = self.anvil.call("eth_getTransactionReceipt", id)
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x1"

    # The machine room.

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """What happens inside is forgotten by the database, and by nobody else."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            tables: dict[str, list[str]] = {}
            # A generated column comes back by itself.
            for table, column in connection.execute(
                "SELECT relname, attname FROM pg_class"
                " JOIN pg_attribute ON attrelid = pg_class.oid"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                " AND NOT relispartition AND attnum > 0 AND NOT attisdropped"
                " AND attgenerated = '' ORDER BY attnum"
            ).fetchall():
                tables.setdefault(table, []).append(column)
            connection.execute("DROP SCHEMA IF EXISTS backup CASCADE")
            connection.execute("CREATE SCHEMA backup")
            for table in map(sql.Identifier, tables):
                copy = sql.SQL("CREATE TABLE backup.{} AS TABLE public.{}")
                connection.execute(copy.format(table, table))
        yield
        with psycopg.connect(self.url) as connection:
            # No promise of the schema is checked meanwhile: rows come back as they were.
            connection.execute("SET session_replication_role = replica")
            names = sql.SQL(", ").join(sql.Identifier("public", name) for name in tables)
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
            for name, columns in tables.items():
                again = sql.SQL(
                    "INSERT INTO public.{table} ({columns}) OVERRIDING SYSTEM VALUE"
                    " SELECT {columns} FROM backup.{table}"
                ).format(
                    table=sql.Identifier(name),
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                )
                connection.execute(again)
