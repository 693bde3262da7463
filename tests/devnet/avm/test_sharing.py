"""What programs of different versions may touch, and what those that clear state may do."""

import pytest
from algosdk import logic, transaction
from algosdk.encoding import decode_address

from tests.devnet.avm.assembly import APPROVE, hex_of, program
from tests.devnet.avm.conftest import Laboratory
from tests.devnet.avm.contracts import call, confirmed, create, creation, logs
from tests.devnet.conftest import funded
from tests.devnet.people import Person, refused

ON = transaction.OnComplete


def unless_created(*lines, version=11):
    return program("txn ApplicationID\nbz done", *lines, "done:\npushint 1", version=version)


class TestAccounts:
    def test_are_named_by_place_before_version_9(self, alice, bob):
        code = unless_created("pushint 1\nbalance\nitob\nlog", version=8)
        id = create(alice, code)
        told = alice.confirm(call(alice, id, accounts=[bob.address]))
        assert logs(told) == [(10_000_000).to_bytes(8, "big")]
        with refused("invalid Account reference 1 exceeds length of tx.Accounts 0"):
            alice.send(call(alice, id))
        newer = create(alice, unless_created("pushint 1\nbalance\nitob\nlog"))
        with refused("an account is wanted as"):
            alice.send(call(alice, newer, accounts=[bob.address]))

    @pytest.mark.parametrize(("version", "shared"), [(8, False), (9, True)])
    def test_are_shared_from_version_9_on(self, alice, bob, version, shared):
        lines = f"pushbytes {hex_of(decode_address(bob.address))}\nbalance\nitob\nlog"
        id = create(alice, unless_created(lines, version=version))
        group = [alice.pay(bob.address, 1), call(alice, id)]
        if shared:
            assert logs(confirmed(alice, *group)[1]) == [(10_000_001).to_bytes(8, "big")]
        else:
            with refused(f"unavailable Account {bob.address}"):
                confirmed(alice, *group)

    @pytest.mark.parametrize(("version", "known"), [(6, False), (7, True)])
    def test_of_named_applications_are_known_from_version_7_on(self, alice, version, known):
        other = create(alice, APPROVE, funds=123_456)
        address = decode_address(logic.get_application_address(other))
        lines = f"pushbytes {hex_of(address)}\nbalance\nitob\nlog"
        made = call(alice, create(alice, unless_created(lines, version=version)),
                    foreign_apps=[other])  # fmt: skip
        if known:
            assert logs(alice.confirm(made)) == [(123_456).to_bytes(8, "big")]
        else:
            with refused("unavailable Account"):
                alice.send(made)

    def test_of_new_applications_are_known_to_the_group(self, network, alice):
        next_id = alice.algod.block_info(network.round)["block"]["tc"] + 2
        address = hex_of(decode_address(logic.get_application_address(next_id)))
        reader = create(alice, unless_created(f"pushbytes {address}\nbalance\nitob\nlog"))
        group = [creation(alice, APPROVE), call(alice, reader)]
        assert logs(confirmed(alice, *group)[1]) == [bytes(8)]


class TestHoldingsAndLocalStates:
    """That an account and an asset are available does not make the holding so."""

    def test_are_not_made_of_two_transactions(self, alice, bob):
        asset = bob.asset()
        lines = (
            f"pushbytes {hex_of(decode_address(bob.address))}\npushint {asset}\n"
            "asset_holding_get 0\npop\nitob\nlog"
        )
        id = create(alice, unless_created(lines))
        # Names the account by paying it, and the asset by giving some of it to somebody else.
        naming = [alice.pay(bob.address, 1), alice.transfer(asset, alice.address, 0)]
        with refused(rf"unavailable Holding {asset}\+{bob.address}"):
            confirmed(alice, *naming, call(alice, id))
        both = alice.transfer(asset, bob.address, 0)
        assert logs(confirmed(alice, both, call(alice, id))[1]) == [(1000).to_bytes(8, "big")]

    def test_of_local_state_neither(self, alice, bob):
        other = create(alice, APPROVE, local_values=(1, 0))
        bob.confirm(call(bob, other, on_complete=ON.OptInOC))
        lines = (
            f"pushbytes {hex_of(decode_address(bob.address))}\npushint {other}\n"
            "app_opted_in\nitob\nlog"
        )
        id = create(alice, unless_created(lines))
        apart = [call(alice, other), alice.pay(bob.address, 1), call(alice, id, note=b"1")]
        with refused(rf"unavailable Local State {other}\+{bob.address}"):
            confirmed(alice, *apart)
        together = call(alice, other, accounts=[bob.address])
        told = confirmed(alice, together, call(alice, id, note=b"2"))
        assert logs(told[1]) == [(1).to_bytes(8, "big")]

    def test_bind_inner_transfers_too(self, alice, bob):
        asset = bob.asset()
        lines = (
            'itxn_begin\npushbytes "axfer"\nitxn_field Type\n'
            f"pushint {asset}\nitxn_field XferAsset\n"
            f"pushbytes {hex_of(decode_address(bob.address))}\nitxn_field AssetReceiver\n"
            "itxn_submit"
        )
        id = create(alice, unless_created(lines), funds=1_000_000)
        naming = [alice.pay(bob.address, 1), alice.transfer(asset, alice.address, 0)]
        with refused(f"unavailable Holding .* x {asset}"):
            confirmed(alice, *naming, call(alice, id))
        named = call(alice, id, accounts=[bob.address], foreign_assets=[asset])
        assert alice.confirm(named)["inner-txns"]


class TestUnnamedResources:
    def test_are_told_by_a_simulation(self, alice, bob):
        address = hex_of(decode_address(bob.address))
        asset = bob.asset()
        other = create(alice, APPROVE)
        code = (
            f"pushbytes {address}\nbalance\npop\npushint {asset}\nasset_params_get 0\npopn 2\n"
            f"pushint {other}\napp_params_get 0\npopn 2\n"
            f"pushbytes {address}\npushint {asset}\nasset_holding_get 0\npopn 2\npushint 1"
        )
        told = Laboratory(alice).ask(code, simulated={"allow_unnamed_resources": True})
        assert "failure-message" not in told
        assert told["unnamed-resources-accessed"] == {
            "accounts": [bob.address],
            "assets": [asset],
            "apps": [other],
            "asset-holdings": [{"account": bob.address, "asset": asset}],
        }


class TestClearing:
    """A program that clears state cannot keep anybody in."""

    @staticmethod
    def marked(lines):
        """Leaves a mark if it comes to its end."""
        return program(lines, 'pushbytes "mark"\npushint 1\napp_global_put\npushint 1')

    def left(self, alice, bob, lines, *others, **options):
        """Whether the program came to its end; the account is out in any case."""
        id = create(alice, APPROVE, clear=self.marked(lines), uints=1, **options)
        bob.confirm(call(bob, id, on_complete=ON.OptInOC))
        confirmed(bob, call(bob, id, on_complete=ON.ClearStateOC, boxes=[b"n"]), *others)
        assert bob.algod.account_info(bob.address)["total-apps-opted-in"] == 0
        return "global-state" in alice.algod.application_info(id)["params"]

    def test_comes_to_its_end(self, alice, bob):
        assert self.left(alice, bob, "")

    def test_reaches_no_box(self, alice, bob):
        assert not self.left(alice, bob, 'pushbytes "n"\nbox_len\npopn 2')

    def test_sends_nothing(self, alice, bob):
        assert not self.left(alice, bob, "itxn_begin")

    @pytest.mark.parametrize(("hashes", "reached"), [(5, True), (6, False)])
    def test_has_the_budget_of_one_call(self, alice, bob, hashes, reached):
        """However much the group has."""
        id = create(alice, APPROVE)
        lines = "pushbytes 0x00\n" + "keccak256\n" * hashes + "pop"
        assert self.left(alice, bob, lines, call(bob, id)) is reached

    def test_is_refused_where_the_budget_is_spent(self, alice, bob):
        """Else whoever calls could make the program fail."""
        spender = create(alice, unless_created("pushbytes 0x00\n" + "keccak256\n" * 6 + "pop"))
        id = create(alice, APPROVE)
        bob.confirm(call(bob, id, on_complete=ON.OptInOC))
        with refused("attempted ClearState execution with low OpcodeBudget 615"):
            confirmed(bob, call(bob, spender), call(bob, id, on_complete=ON.ClearStateOC))


class TestInnerCalls:
    def caller(self, *fields, version=11):
        return unless_created(
            'itxn_begin\npushbytes "appl"\nitxn_field Type\ntxna Applications 1',
            "itxn_field ApplicationID", *fields, "itxn_submit", version=version,
        )  # fmt: skip

    def test_of_old_programs_are_refused(self, alice):
        old = create(alice, b"\x03\x81\x01")
        id = create(alice, self.caller(), funds=200_000)
        with refused("inner app call with version v3 < v4"):
            alice.send(call(alice, id, foreign_apps=[old]))

    def test_do_not_come_back_by_a_detour(self, network, alice):
        through = "pushint {}\nitxn_field Applications"
        first_id = alice.algod.block_info(network.round)["block"]["tc"] + 1
        first = create(alice, self.caller(through.format(first_id)), funds=200_000)
        assert first == first_id
        second = create(alice, self.caller(), funds=200_000)
        with refused(f"attempt to re-enter {first}"):
            alice.send(call(alice, first, foreign_apps=[second]))

    def test_are_not_too_deep(self, alice):
        """Nine below the one that a person calls."""
        chain = [create(alice, APPROVE)]
        for _ in range(9):
            fields = [f"pushint {each}\nitxn_field Applications" for each in chain[-2:-1]]
            code = self.caller(*fields)
            chain.append(create(alice, code, funds=200_000))
        # Each names the next one's target: two references reach two levels, the group all others.
        others = [
            call(alice, chain[0], note=b"%d" % place, foreign_apps=chain[place : place + 8])
            for place in (0, 2)
        ]
        *_, told = confirmed(
            alice, *others, call(alice, chain[8], foreign_apps=[chain[7], chain[6]])
        )
        depth, inner = 0, told
        while "inner-txns" in inner:
            depth, inner = depth + 1, inner["inner-txns"][0]
        assert depth == 8
        with refused(r"appl depth \(8\) exceeded"):
            confirmed(alice, *others, call(alice, chain[9], foreign_apps=[chain[8], chain[7]]))

    def test_close_no_account_that_has_boxes(self, alice):
        code = unless_created(
            'pushbytes "n"\npushint 1\nbox_create\npop\nitxn_begin\npushint 1\n'
            "itxn_field TypeEnum\ntxn Sender\nitxn_field CloseRemainderTo\nitxn_submit"
        )
        id = create(alice, code, funds=1_000_000)
        with refused("cannot close: 1 outstanding boxes"):
            alice.send(call(alice, id, boxes=[b"n"]))


def test_a_branch_may_lead_to_the_end(laboratory):
    assert "failure-message" not in laboratory.ask("pushints 1 1\nbnz end\npop\nend:")


def test_sizes_are_said_once(alice):
    made = call(alice, create(alice, APPROVE))
    made.extra_pages = 1
    with refused(r"inappropriate non-zero tx.ExtraProgramPages \(1\)"):
        alice.send(made)


def test_faults_strike_calls_too(two_nodes):
    alice = funded(Person(two_nodes))
    id = create(alice, unless_created('pushbytes "here"\nlog'))
    other = Person(two_nodes, node=1).algod
    two_nodes.nodes[0].fault("no_gossip")
    txid = alice.send(call(alice, id))
    two_nodes.mine()
    assert "confirmed-round" not in alice.algod.pending_transaction_info(txid)
    two_nodes.nodes[0].heal()
    two_nodes.nodes[1].fault("lag", rounds=1)
    two_nodes.mine()
    assert logs(alice.algod.pending_transaction_info(txid)) == [b"here"]
    two_nodes.nodes[1].heal()
    assert logs(other.pending_transaction_info(txid)) == [b"here"]
    two_nodes.nodes[1].fault("unavailable", route="application")
    with refused("operation not available during catchup", 503):
        other.application_info(id)
    assert other.application_info(id)["id"] == id
