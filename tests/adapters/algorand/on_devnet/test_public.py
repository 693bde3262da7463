"""What anybody sees and does with a token that we issued, by the standards and without us."""

import itertools

import pytest
from algosdk import logic
from hypothesis import given
from hypothesis import strategies as st

from domain.token import Action
from tests.adapters.algorand.on_devnet.client import (
    NOBODY,
    Client,
    Holder,
    allowance_box,
    balance_box,
    held,
    operator_box,
    partition_box,
)
from tests.adapters.algorand.on_devnet.test_issuing import created, the_issuer
from tests.adapters.algorand.on_devnet.world import (
    CONTRACTS,
    MINTABLE,
    SECURITY,
    Account,
    a_world,
)
from tests.application.house import examples
from tests.devnet.people import refused

TRANSFER = "arc200_transfer(address,uint256)bool"
BY_PARTITION = "arc1410_transfer_by_partition(address,address,uint256,byte[])address"
BY_OPERATOR = (
    "arc1410_operator_transfer_by_partition(address,address,address,uint256,byte[])address"
)
#: Of a balance, and of everything that a new holder of a security has.
BOX, BOXES = 28_500, 3 * 28_500


def issued_to(world, kind, **changes):
    """A token whose initial supply a stranger to us holds."""
    holder = Holder(world.nodes, 0)
    made = world.issued(world.token(kind, initial_holder=holder.address, **changes))
    holder.application = int(made.place)
    return made, holder


def another(world, made):
    return Holder(world.nodes, made.place)


def touched(kind, *holders):
    boxes = [held(each) if kind == SECURITY else [balance_box(each)] for each in holders]
    return list(itertools.chain(*boxes))


def reward(kind):
    return BOXES if kind == SECURITY else BOX


# ARC-200.


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_wallet_sees_the_token_and_moves_it(world, kind):
    made, holder = issued_to(world, kind)
    other = another(world, made)
    assert bytes(holder.ask("arc200_name()byte[32]")).rstrip(b"\0").decode() == made.token.name
    assert bytes(holder.ask("arc200_symbol()byte[8]")).rstrip(b"\0").decode() == made.token.symbol
    assert holder.ask("arc200_decimals()uint8") == made.token.decimals
    assert holder.ask("arc200_totalSupply()uint256") == 1000
    assert holder.balance() == 1000
    assert other.balance() == other.balance(world.issuer.address) == 0
    boxes = touched(kind, holder.address, other.address)
    holder.call(TRANSFER, other.address, 300, boxes=boxes, funds=reward(kind))
    other.call(TRANSFER, holder.address, 1, boxes=boxes)
    assert (holder.balance(), other.balance()) == (701, 299)
    with refused("balance too small|logic eval error"):
        other.call(TRANSFER, holder.address, 300, boxes=boxes)
    assert holder.ask("arc200_totalSupply()uint256") == 1000


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_spender_moves_what_it_was_allowed(world, kind):
    made, holder = issued_to(world, kind)
    other = another(world, made)
    allowance = allowance_box(holder.address, other.address)
    holder.call(
        "arc200_approve(address,uint256)bool", other.address, 50, boxes=[allowance], funds=BOX
    )
    boxes = [allowance, *touched(kind, holder.address, other.address)]
    move = "arc200_transferFrom(address,address,uint256)bool"
    other.call(move, holder.address, other.address, 20, boxes=boxes, funds=reward(kind))
    left = holder.ask(
        "arc200_allowance(address,address)uint256",
        holder.address,
        other.address,
        boxes=[allowance],
    )
    assert (holder.balance(), other.balance(), left) == (980, 20, 30)
    with refused("logic eval error"):
        other.call(move, holder.address, other.address, 31, boxes=boxes)


@pytest.mark.parametrize("kind", [MINTABLE, SECURITY])
def test_what_we_mint_and_pause_is_what_holders_see(world, kind):
    made, holder = issued_to(world, kind)
    other = another(world, made)
    boxes = touched(kind, holder.address, other.address)
    world.deployed(world.ordered(made, Action.MINT, amount="9", to=other.address))
    assert other.balance() == 9
    world.deployed(world.ordered(made, Action.PAUSE))
    with refused("logic eval error"):
        other.call(TRANSFER, holder.address, 1, boxes=boxes)
    world.deployed(world.ordered(made, Action.UNPAUSE))
    other.call(TRANSFER, holder.address, 9, boxes=boxes)
    assert (holder.balance(), other.balance()) == (1009, 0)
    assert holder.ask("arc200_totalSupply()uint256") == 1009


@pytest.mark.parametrize("kind", [MINTABLE, SECURITY])
def test_the_powers_are_nobody_elses(world, kind):
    made, holder = issued_to(world, kind)
    id, boxes = bytes(range(32)), touched(kind, holder.address)
    orders = [
        ("pause(byte[32])void", (id,)),
        ("unpause(byte[32])void", (id,)),
        ("bootstrap(byte[32],uint256,address)void", (id, 5, holder.address)),
    ]
    if kind == MINTABLE:
        orders += [
            ("mint(byte[32],address,uint256)void", (id, holder.address, 5)),
            ("burn(byte[32],uint256)void", (id, 5)),
            ("transfer_ownership(address)void", (holder.address,)),
        ]
    else:
        orders += [
            (
                "issue_once(byte[32],address,address,uint256,byte[])void",
                (id, holder.address, NOBODY, 5, b""),
            ),
            ("redeem_once(byte[32],address,uint256,byte[])void", (id, NOBODY, 5, b"")),
            ("arc1594_issue(address,uint256,byte[])void", (holder.address, 5, b"")),
            (
                "arc1410_issue_by_partition(address,address,uint256,byte[])void",
                (holder.address, NOBODY, 5, b""),
            ),
            ("arc88_transfer_ownership(address)void", (holder.address,)),
            ("arc88_initialize_owner(address)void", (holder.address,)),
            ("arc1644_set_controller(address)void", (holder.address,)),
            ("arc1644_controller_redeem(address,uint256,byte[])uint64", (holder.address, 1, b"x")),
        ]
    before = world.nodes.ledger.application(int(made.place)).state
    for signature, arguments in orders:
        with refused("logic eval error"):
            holder.call(signature, *arguments, boxes=[b"o" + id, *boxes], funds=18_900)
    assert world.nodes.ledger.application(int(made.place)).state == before


# ARC-1400: what was wrong with the contract that is in use (facts/algorand.md calls it F0 to F8).


def test_nobody_can_make_itself_the_owner_of_what_is_not_bootstrapped_yet(world):
    intent = created(world, SECURITY)
    stranger = Client(world.nodes, intent.place)
    before = world.nodes.ledger.application(int(intent.place)).state
    with refused("logic eval error"):
        stranger.call("arc88_initialize_owner(address)void", stranger.address)
    id = bytes(32)
    with refused("logic eval error"):
        stranger.call(
            "bootstrap(byte[32],uint256,address)void",
            id,
            5,
            stranger.address,
            boxes=[b"o" + id, *held(stranger.address)],
            funds=300_000,
        )
    assert world.nodes.ledger.application(int(intent.place)).state == before
    world.deployed(intent)
    assert stranger.ask("arc88_owner()address") == world.issuer.address


def test_who_has_nothing_is_told_so(world):
    _, holder = issued_to(world, SECURITY)
    nobody, partition = Account().address, Account().address
    assert holder.balance(nobody) == 0
    assert holder.part(nobody) == holder.part(nobody, partition) == 0
    assert holder.part(holder.address, partition) == 0
    assert holder.partitions(nobody) == []
    for question in ("is_operator", "is_operator_by_portion"):
        assert not holder.ask(
            f"arc1410_{question}(address,address,address)bool",
            nobody,
            holder.address,
            partition,
            boxes=[operator_box(nobody, holder.address, partition)],
        )
    assert not holder.ask("arc88_is_owner(address)bool", nobody)
    assert holder.ask("arc1643_get_all_documents()byte[][]", boxes=[b"D"]) == []


def test_the_initial_supply_is_in_the_default_partition_and_moves(world):
    made, holder = issued_to(world, SECURITY)
    other = another(world, made)
    assert holder.partitions(holder.address) == [NOBODY]
    assert holder.part(holder.address) == 1000
    boxes = held(holder.address) + held(other.address)
    holder.call(BY_PARTITION, NOBODY, other.address, 400, b"", boxes=boxes, funds=BOXES)
    assert (holder.part(holder.address), holder.part(other.address)) == (600, 400)
    assert (holder.balance(), other.balance()) == (600, 400)


def test_what_was_seized_cannot_be_moved_by_who_had_it_and_can_by_who_got_it(world):
    made, holder = issued_to(world, SECURITY)
    other, controller = another(world, made), the_issuer(world)
    controller.application = int(made.place)
    boxes = held(holder.address) + held(other.address)
    controller.call(
        "arc1644_controller_transfer(address,address,uint256,byte[],byte[])uint64",
        holder.address,
        other.address,
        1000,
        b"",
        b"by order of a court",
        boxes=boxes,
        funds=BOXES,
    )
    for signature, arguments in (
        (TRANSFER, (other.address, 1)),
        (BY_PARTITION, (NOBODY, other.address, 1, b"")),
        ("arc1594_redeem(uint256,byte[])void", (1, b"")),
    ):
        with refused("logic eval error"):
            holder.call(signature, *arguments, boxes=boxes)
    other.call(BY_PARTITION, NOBODY, holder.address, 1, b"", boxes=boxes)
    assert (holder.part(holder.address), other.part(other.address)) == (1, 999)
    with refused("logic eval error"):
        controller.call(
            "arc1644_controller_redeem(address,uint256,byte[])uint64",
            other.address,
            1,
            b"",
            boxes=held(other.address),
        )


def test_every_reason_has_a_code_of_its_own(world):
    made, holder = issued_to(world, SECURITY)
    other, nowhere = another(world, made), Account().address
    asked = "arc1410_can_transfer_by_partition(address,address,address,uint256,byte[])"
    asked += "(byte,string,address)"

    def code(sender, partition, to, amount, by=None):
        boxes = [partition_box(sender, partition)]
        boxes.append(operator_box(sender, (by or holder).address, partition))
        who = (by or holder).address
        told = holder.ask(asked, sender, partition, to, amount, b"", boxes=boxes, sender=who)
        assert told[2] == partition
        return told[0]

    me, you = holder.address, other.address
    reasons = {
        "fine": code(me, NOBODY, you, 1000),
        "too much": code(me, NOBODY, you, 1001),
        "no such partition": code(me, nowhere, you, 1),
        "to nobody": code(me, NOBODY, NOBODY, 1),
        "not an operator": code(me, NOBODY, you, 1, by=other),
    }
    world.deployed(world.ordered(made, Action.PAUSE))
    reasons["paused"] = code(me, NOBODY, you, 1)
    assert reasons["fine"] == 0x51
    assert len(set(reasons.values())) == len(reasons)


# G1: whatever anybody does, partitions and balances do not come apart.

MOVES = ("mint", "burn", "transfer", "by partition", "operator", "redeem", "seize", "destroy")
acts = st.tuples(
    st.sampled_from(MOVES),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from((0, 0, 1)),
    st.sampled_from((1, 1, 7, 60, 900, 2_000)),
)


class Security:
    """A security that three people hold, and a model of who has what."""

    def __init__(self, world):
        self.world = world
        self.made = world.issued(world.token(SECURITY, require_justification=False))
        issuer = the_issuer(world)
        self.people = [
            Holder(world.nodes, self.made.place, key=issuer.key, address=issuer.address),
            another(world, self.made),
            another(world, self.made),
        ]
        world.nodes.fund(logic.get_application_address(int(self.made.place)), 5_000_000)
        self.partitions = [NOBODY, Account().address]
        self.model = {(issuer.address, NOBODY): 1000}
        self.done = 0

    def act(self, move, who, whom, number, amount):
        """Whether it happened: exactly where the model has enough."""
        actor, other = self.people[who], self.people[whom]
        partition = self.partitions[number]
        if move in {"transfer", "redeem", "seize", "destroy"}:
            partition = NOBODY
        if move == "burn":
            actor = self.people[0]
        source = None if move == "mint" else (actor.address, partition)
        target = None if move in {"burn", "redeem", "destroy"} else (other.address, partition)
        boxes = [] if source is None else held(*source)
        boxes += [] if target is None else held(*target)
        boxes = list(dict.fromkeys(boxes))
        possible = source is None or self.model.get(source, 0) >= amount
        if move in {"mint", "burn"}:
            self.order(move, other.address, partition, amount, possible)
        else:
            self.call(move, actor, other, partition, amount, boxes, possible)
        if possible:
            self.done += 1
            if source:
                self.model[source] -= amount
            if target:
                self.model[target] = self.model.get(target, 0) + amount

    def order(self, move, to, partition, amount, possible):
        action = Action(move)
        fields = {"amount": str(amount)} | ({"to": to} if action is Action.MINT else {})
        if partition != NOBODY:
            fields["partition"] = partition
        intent = self.world.ordered(self.made, action, **fields)
        answer = self.world.chain.preflight(intent, 100_000)
        assert (answer is None) == possible, answer
        if possible:
            self.world.deployed(intent)

    def call(self, move, actor, other, partition, amount, boxes, possible):
        controller = self.people[0]
        by, signature, arguments = {
            "transfer": (actor, TRANSFER, (other.address, amount)),
            "by partition": (actor, BY_PARTITION, (partition, other.address, amount, b"")),
            "operator": (
                controller,
                BY_OPERATOR,
                (actor.address, partition, other.address, amount, b""),
            ),
            "redeem": (actor, "arc1594_redeem(uint256,byte[])void", (amount, b"")),
            "seize": (
                controller,
                "arc1644_controller_transfer(address,address,uint256,byte[],byte[])uint64",
                (actor.address, other.address, amount, b"", b""),
            ),
            "destroy": (
                controller,
                "arc1644_controller_redeem(address,uint256,byte[])uint64",
                (actor.address, amount, b""),
            ),
        }[move]
        if move == "operator" and actor is not controller:
            boxes = [*boxes, operator_box(actor.address, controller.address, partition)]
        if possible:
            by.call(signature, *arguments, boxes=boxes)
            return
        with refused("logic eval error"):
            by.call(signature, *arguments, boxes=boxes)

    def is_right(self):
        """By what is in the boxes, which nobody's code has read."""
        place = int(self.made.place)
        boxes = self.world.nodes.ledger.boxes(place)

        def number(name):
            return int.from_bytes(boxes.get(name, b""), "big")

        for person in self.people:
            parts = {each: number(partition_box(person.address, each)) for each in self.partitions}
            assert sum(parts.values()) == number(balance_box(person.address))
            for partition, there in parts.items():
                assert there == self.model.get((person.address, partition), 0)
        supply = int.from_bytes(self.world.nodes.ledger.application(place).state[b"t"], "big")
        assert supply == sum(self.model.values())

    def is_told(self):
        """By what the public methods answer."""
        reader = self.people[1]
        for person in self.people:
            parts = reader.partitions(person.address)
            assert len(set(parts)) == len(parts)
            told = sum(reader.part(person.address, each) for each in parts)
            assert told == reader.balance(person.address)
            mine = [n for (who, _), n in self.model.items() if who == person.address]
            assert told == sum(mine)
        assert reader.ask("arc200_totalSupply()uint256") == sum(self.model.values())


@examples(5)
@given(st.lists(acts, min_size=6, max_size=14))
def test_whatever_holders_issuer_and_controller_do_partitions_make_up_balances(story):
    with a_world() as world:
        security = Security(world)
        for act in story:
            security.act(*act)
            security.is_right()
        security.is_told()
