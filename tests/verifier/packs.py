"""Evidence packs made by hand, from docs/evidence.md alone.

Nothing here is the program's or the verifier's: the tree is written down as RFC 6962 defines it,
the JSON is the standard library's, transactions are signed by the chains' own libraries.
"""

import base64
import hashlib
import json
from uuid import UUID

from algosdk import encoding, transaction
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_abi.abi import encode
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

INSTALLATION = "ins_01k9zvkx9te1mt5qg4s7z9ht6e"
NOBODY = "org_" + "0" * 26
ORGANISATION = "org_01kdvdna00er8t57vfqvc2r1ye"
STRANGER = "org_01kdvdna00er8t57vfqvc2r1yf"
DEPLOYMENT = "dep_01kdvdna00exdrw5jdq87z33g2"
ANOTHER = "dep_01kdvdna00exdrw5jdq87z33g9"
ACCOUNT = "acct_01kdvdna00exctfae3f1y6bgf8"
MEMBER = "mem_01kdvdna00er8t57vfqvc2r1yf"
AGAIN = "hold_01kdvdna00exdrw5jdq87z33g4"
HOLD = "hold_01kdvdna00exdrw5jdq87z33g3"
ORIGIN = f"issue.example.com/audit/{INSTALLATION}/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

ETHEREUM = "eip155:31337"
ALGORAND = "algorand:wGHE2Pwdvd7S12BL5FaOP20EGYesN73k"
GENESIS = "wGHE2Pwdvd7S12BL5FaOP20EGYesN73ktiC1qzkkit8="


def canonical(value):
    """For ASCII names and whole numbers this is RFC 8785; test_canonical.py asks another."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def b64(raw):
    return base64.b64encode(raw).decode()


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def public(key):
    return key.public_key().public_bytes_raw()


# The tree, as RFC 6962 (2.1) and RFC 9162 (2.1.3.1, 2.1.4.1) define it: by recursion.


def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(hashes):
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return sha(b"\x01", root(hashes[:k]), root(hashes[k:]))


def inclusion(m, hashes):
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if m < k:
        return [*inclusion(m, hashes[:k]), root(hashes[k:])]
    return [*inclusion(m - k, hashes[k:]), root(hashes[:k])]


def consistency(m, hashes, is_whole=True):
    n = len(hashes)
    if m == n:
        return [] if is_whole else [root(hashes)]
    k = split(n)
    if m <= k:
        return [*consistency(m, hashes[:k], is_whole), root(hashes[k:])]
    return [*consistency(m - k, hashes[k:], False), root(hashes[:k])]


@define
class Log:
    """What an installation has sealed."""

    key: Ed25519PrivateKey = KEY
    origin: str = ORIGIN
    entries: list = field(factory=list)

    def append(self, body):
        """Seal an event; its index."""
        raw = body if isinstance(body, bytes) else canonical(body)
        salt = sha(b"salt", len(self.entries).to_bytes(8))[:16]
        self.entries.append((salt, raw))
        return len(self.entries) - 1

    @property
    def hashes(self):
        return [sha(b"\x00", b"tallystick.audit.v1\0", salt, body) for salt, body in self.entries]

    def root(self, size=None):
        return root(self.hashes[:size])

    def note(self, size=None):
        size = len(self.entries) if size is None else size
        text = f"{self.origin}\n{size}\n{b64(self.root(size))}\n"
        return signed(text, self.origin, self.key)

    def event(self, index, size=None):
        salt, body = self.entries[index]
        path = [b64(each) for each in inclusion(index, self.hashes[:size])]
        return {"body": b64(body), "index": index, "path": path, "salt": b64(salt)}

    def proof(self, first, size=None):
        return [b64(each) for each in consistency(first, self.hashes[:size])]


def signed(text, name, key):
    id = sha(name.encode(), b"\n\x01", public(key))[:4]
    return f"{text}\n— {name} {b64(id + key.sign(text.encode()))}\n"


@define
class Story:
    """Events of one deployment, and the records that they are about."""

    core: dict
    #: Bodies without id and sequence, in order; those of others stand between.
    told: list = field(factory=list)
    log: Log = field(factory=Log)
    #: Sizes to be anchored, as (size, network); None: all that is there.
    anchored: list = field(factory=list)

    def say(self, action, subject=DEPLOYMENT, details=None, **changes):
        body = {
            "action": action,
            "actor": {"id": None, "kind": "worker"},
            "api_version": "2026-11-01",
            "at": f"2026-01-01T00:00:{len(self.told) % 60:02}.000000Z",
            "correlation_id": DEPLOYMENT,
            "details": details or {},
            "live": False,
            "organisation": ORGANISATION,
            "request_id": None,
            "schema": 1,
            "subject": subject,
        }
        self.told.append(body | changes)
        return self.told[-1]

    def find(self, action):
        return next(each for each in self.told if each["action"] == action)

    def drop(self, action):
        self.told.remove(self.find(action))

    @property
    def deployment(self):
        return self.core["deployment"]

    @property
    def attempt(self):
        return self.core["steps"][0]["slots"][0]["attempts"][0]

    def sealed(self):
        """The pack."""
        indices, sequences = [], {}
        ends = {
            "digest": hashlib.sha256(canonical(self.core)).hexdigest(),
            "format": "tallystick.evidence/1",
        }
        self.say("evidence.issued", details=ends)
        for number, told in enumerate(self.told):
            organisation = told["organisation"]
            sequences[organisation] = told.get("sequence", sequences.get(organisation, 0) + 1)
            body = {"id": f"evt_{number:026}", **told, "sequence": sequences[organisation]}
            is_shown = body["subject"] in {DEPLOYMENT, ACCOUNT} or (
                body["correlation_id"] == DEPLOYMENT
            )
            index = self.log.append(body)
            if is_shown:
                indices.append(index)
        last = indices.pop()
        for number, (wanted, network) in enumerate(self.anchored):
            size = len(self.log.entries) if wanted is None else wanted
            body = {
                **self.told[0],
                "id": f"evt_7{number:025}",
                "action": "checkpoint.anchored",
                "organisation": NOBODY,
                "sequence": 40 + number,
                "subject": self.log.origin,
                "correlation_id": "op_01kdvdna00exdrw5jdq87z33g2",
                "details": {
                    "block": {"hash": "0xabc", "number": 70 + number},
                    "network": network,
                    "origin": self.log.origin,
                    "root": self.log.root(size).hex(),
                    "size": size,
                    "transaction_id": f"anchor{number}",
                },
            }
            self.anchored[number] = (size, network)
            indices.append(self.log.append(body))
        return self.packed([*indices, last])

    def packed(self, indices):
        sizes = sorted({size for size, _ in self.anchored})
        return {
            "checkpoint": self.log.note(),
            "consistency": [
                {"path": self.log.proof(min(size, len(self.log.entries))), "size": size}
                for size in sizes
            ],
            "core": self.core,
            "events": [self.log.event(index) for index in indices],
            "format": "tallystick.evidence/1",
            "key": b64(public(self.log.key)),
        }

    @property
    def note_on_chain(self):
        """Of the last anchor."""
        size = self.anchored[-1][0]
        return b"tlog/1" + sha(ORIGIN.encode()) + size.to_bytes(8) + self.log.root(size)


def uuid_of(id):
    """The 16 bytes that an id names: Crockford's base32, of 130 bits the lower 128."""
    letters = "0123456789abcdefghjkmnpqrstvwxyz"
    bits = "".join(f"{letters.index(letter):05b}" for letter in id.rpartition("_")[2])
    return int(bits, 2).to_bytes(16)


def core_of(network, kind, owner, sender, price=5):
    parameters = {"name": "Gold “au”", "symbol": "GLD", "decimals": 2, "supply": "1000"}
    deployment = {
        "accepted_at": "2026-01-01T00:00:04.000000Z",
        "client_reference": "order\n7",
        "credits": price,
        "declared_value": {"amount_minor": 125000, "currency": "EUR"},
        "failure": None,
        "fee_ceiling": "100000000000000000000",
        "hold": HOLD,
        "id": DEPLOYMENT,
        "kind": "deployment",
        "live": False,
        "metadata": [["desk", "7"], ["größe", "ß"]],
        "network": network,
        "owner": owner,
        "payer": "sponsored",
        "plan_hash": None,
        "predicted": None,
        "requested_by": MEMBER,
        "result": None,
        "sender": sender,
        "state": "Queued",
        "token": {"kind": kind, "parameters": parameters},
    }
    plan = {
        "address": None,
        "credits": price,
        "fee_ceiling": deployment["fee_ceiling"],
        "kind": kind,
        "network": network,
        "owner": owner,
        "sender": sender,
        "steps": [{"name": "create", "signers": [sender]}],
        "token": parameters,
    }
    return {
        "account": {
            "address": owner,
            "custodian": "local-keys",
            "family": "evm" if network.startswith("eip155") else "algorand",
            "id": ACCOUNT,
            "key": "local-keys:one/1",
        },
        "anchors": [ALGORAND, ETHEREUM],
        "approvals": [],
        "deployment": deployment,
        "installation": INSTALLATION,
        "organisation": ORGANISATION,
        "plan": plan,
        "signers": [],
        "steps": [
            {"inclusion": None, "is_final": False, "name": "create", "number": 1, "slots": []}
        ],
    }


def planned(core, **changes):
    """The plan is another one, and the one that was asked for."""
    plan = core["plan"]
    plan.pop("hash", None)
    plan.update(changes)
    plan["hash"] = sha(b"tallystick.plan.v2\0", canonical(plan)).hex()
    core["deployment"]["plan_hash"] = plan["hash"]


def begun(core):
    """Up to the acceptance."""
    planned(core)
    story = Story(core)
    deployment, of_account = core["deployment"], {"correlation_id": ACCOUNT}
    story.say("organisation.created", ORGANISATION, correlation_id=ORGANISATION)
    story.say("account.requested", ACCOUNT, {"family": core["account"]["family"]}, **of_account)
    ready = {"address": core["account"]["address"], "key": core["account"]["key"]}
    story.say("account.ready", ACCOUNT, ready, **of_account)
    hold(story, deployment["hold"])
    story.say(
        "deployment.queued",
        details={
            "credits": deployment["credits"],
            "issue": {"decimals": 2, "supply": "1000"},
            "kind": deployment["token"]["kind"],
            "network": deployment["network"],
        },
        actor={"id": MEMBER, "kind": "member"},
        request_id="req_1",
    )
    # Somebody else's, in the same tree.
    story.say("member.added", MEMBER, organisation=STRANGER, correlation_id=MEMBER)
    return story


def hold(story, id):
    details = {"amount": story.deployment["credits"], "credit": "held", "debit": "available"}
    story.say("credits.held", ORGANISATION, {**details, "hold": id, "journal_sequence": 2})


def settle(story, credit, amount=None):
    amount = story.deployment["credits"] if amount is None else amount
    story.say(
        "credits.captured" if credit == "spent" else "credits.released",
        ORGANISATION,
        {
            "amount": amount,
            "credit": credit,
            "debit": "held",
            "hold": story.deployment["hold"],
            "journal_sequence": 3,
        },
    )


def reserve(story, slot, step=1):
    fields = {name: value for name, value in slot.items() if value is not None}
    told = {**fields, "attempts": [], "state": "open"}
    story.say("deployment.slot_reserved", details={"slot": told, "step": step})
    story.core["steps"][step - 1]["slots"].append(slot)


def sign(story, raw, id, receipts, action="submitted", step=1, **changes):
    """An attempt in the step's last slot."""
    slot = story.core["steps"][step - 1]["slots"][-1]
    attempt = {
        "broadcast_at": None,
        "cost": None,
        "fee_cap": "5",
        "number": 1 + sum(len(s["attempts"]) for s in story.core["steps"][step - 1]["slots"]),
        "origin": "signed",
        "raw": None if raw is None else b64(raw),
        "receipts": [{**each} for each in receipts],
        "rejected": False,
        "role": "effect",
        "signed_at": "2026-01-01T00:00:05.000000Z",
        "transaction_id": id,
    } | changes
    slot["attempts"].append(attempt)
    names = ("fee_cap", "number", "origin", "role", "signed_at", "transaction_id")
    details = {"attempt": {name: attempt[name] for name in names}, "step": step}
    details |= {"receipts": receipts} if receipts else {}
    move(story, action, details)
    return attempt


MOVES = {
    "submitted": ("Queued", "Submitted"),
    "pending": ("Submitted", "Pending"),
    "confirmed": ("Pending", "Confirmed"),
    "indexed": ("Confirmed", "Indexed"),
    "completed": ("Indexed", "Completed"),
    "cancelled": ("Queued", "Cancelled"),
    "retry_requested": ("Failed", "Queued"),
}


def move(story, action, details=None, before=None):
    details = dict(details or {})
    if action in MOVES or action == "failed":
        before, after = (before, "Failed") if action == "failed" else MOVES[action]
        details |= {"state_before": before, "state": after}
        story.deployment["state"] = after
    return story.say(f"deployment.{action}", details=details)


def send(story, action="pending", step=1):
    attempt = story.core["steps"][step - 1]["slots"][-1]["attempts"][-1]
    at = "2026-01-01T00:00:06.000000Z"
    attempt["broadcast_at"] = at
    move(
        story,
        action,
        {"at": at, "step": step, "transaction_id": attempt["transaction_id"]},
    )


def confirm(story, token, action="confirmed", step=1):
    record = story.core["steps"][step - 1]
    attempt = record["slots"][-1]["attempts"][-1]
    inclusion = {
        "block": {"hash": "0x" + "ab" * 32, "number": 1234},
        "cost": 21000,
        "succeeded": True,
        "transaction_id": attempt["transaction_id"],
    }
    move(story, "included", {"inclusion": inclusion, "step": step})
    move(story, action, {"inclusion": inclusion, "step": step, "token": token})
    attempt["cost"] = "21000"
    record["slots"][-1]["state"] = "used"
    record["inclusion"] = {**inclusion, "block": {**inclusion["block"]}, "cost": "21000"}
    record["is_final"] = True


def complete(story, token):
    move(story, "indexed", {"token": token})
    settle(story, "spent")
    move(story, "completed", {"credits": story.deployment["credits"]})
    story.deployment["result"] = token
    story.say("team.created", "team_01kdvdna00er8t57vfqvc2r1yf", correlation_id="req_9")
    return story


TREASURY = Account.from_key(bytes([7]) * 32)
OWNER = "0x52908400098527886E0F7030069857D2E4169EE7"
FACTORY = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
CODE = b"\x60\x80" * 45
SALT = keccak(b"tallystick.v1" + b"".join(map(uuid_of, (INSTALLATION, ORGANISATION, DEPLOYMENT))))


def asked_for(salt=SALT, code=CODE):
    """The call of the factory."""
    return keccak(text="deploy(bytes32,bytes)")[:4] + encode(["bytes32", "bytes"], [salt, code])


def made_at(code=CODE, sender=TREASURY.address):
    """Where the factory puts it (EIP-1014)."""
    mixed = keccak(encode(["address", "bytes32"], [sender, SALT]))
    made = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + mixed + keccak(code))
    return to_checksum_address(made[-20:])


TOKEN = made_at()


def transfer(nonce=3, gas_price=5, key=TREASURY, chain=31337, **changes):
    """A signed type-2 transaction: bytes, id, and the digest that was signed."""
    fields = {
        "chainId": chain,
        "data": asked_for(),
        "gas": 60_000,
        "maxFeePerGas": gas_price,
        "maxPriorityFeePerGas": 1,
        "nonce": nonce,
        "to": FACTORY,
        "type": 2,
        "value": 0,
    } | changes
    done = key.sign_transaction(fields)
    unsigned = {**fields, "data": "0x" + bytes(fields["data"]).hex()}
    digest = TypedTransaction.from_dict(unsigned).hash()
    return bytes(done.raw_transaction), "0x" + bytes(done.hash).hex(), bytes(digest)


def receipt(signer, digest, purpose="evm_transaction", **changes):
    return {
        "digest": digest.hex(),
        "key": "local-keys:treasury/1",
        "key_version": "1",
        "purpose": purpose,
        "signer": signer,
    } | changes


def evm_slot(number=1, nonce=3):
    return {
        "attempts": [],
        "lease": None,
        "network": ETHEREUM,
        "number": number,
        "sequence": nonce,
        "signer": TREASURY.address,
        "state": "open",
        "valid_until": None,
    }


def evm_begun():
    core = core_of(ETHEREUM, "erc20_mintable", OWNER, TREASURY.address)
    core["deployment"]["predicted"] = core["plan"]["address"] = TOKEN
    key = TREASURY._key_obj.public_key.to_bytes()
    core["signers"] = [
        {
            "address": TREASURY.address,
            "curve": "secp256k1",
            "key": "local-keys:treasury/1",
            "public_key": b64(key),
        }
    ]
    return begun(core)


def evm_story():
    """Replaced once, and then issued."""
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, digest = transfer()
    sign(story, raw, id, [receipt(TREASURY.address, digest, request_id="call-1")])
    send(story)
    raw, id, digest = transfer(gas_price=9)
    sign(story, raw, id, [receipt(TREASURY.address, digest)], "replaced", fee_cap="9")
    send(story, "sent_again")
    confirm(story, TOKEN)
    return complete(story, TOKEN)


def algorand_key(seed):
    """A key, and its address."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return key, encoding.encode_address(public(key))


def encoded(each):
    """The canonical MessagePack of the chain's own library."""
    return base64.b64decode(encoding.msgpack_encode(each))


def signed_by(key, unsigned, named=None):
    signature = b64(key.sign(b"TX" + encoded(unsigned)))
    return encoded(transaction.SignedTransaction(unsigned, signature, named))


def lease_of(step=1):
    """What excludes every other transaction for a step of the deployment."""
    parts = (
        b"tallystick/algorand/lease/1", uuid_of(INSTALLATION), ALGORAND.encode(),
        uuid_of(ORGANISATION), uuid_of(DEPLOYMENT), step.to_bytes(8),
    )  # fmt: skip
    return sha(*(len(part).to_bytes(4) + part for part in parts))


def group(lease=lease_of(), last=1150, count=2, first=1000):  # noqa: B008 - it is the same for ever
    """A sponsored group: bytes, id of the last one, and what was signed by whom."""
    (payer, payer_address), (issuer, issuer_address) = algorand_key(1), algorand_key(2)
    header = transaction.SuggestedParams(0, first, last, GENESIS, flat_fee=True)
    paid = transaction.SuggestedParams(2000, first, last, GENESIS, flat_fee=True)
    made = transaction.AssetCreateTxn(
        issuer_address, header if count > 1 else paid, 1000, 2, False,
        unit_name="GLD", asset_name="Gold", manager=issuer_address, note=b"n" * 40, lease=lease,
    )  # fmt: skip
    pay = transaction.PaymentTxn(payer_address, paid, issuer_address, 200_000)
    unsigned = transaction.assign_group_id([pay, made]) if count > 1 else [made]
    keys = [payer, issuer] if count > 1 else [issuer]
    raw = b"".join(signed_by(key, each) for each, key in zip(unsigned, keys, strict=True))
    receipts = [
        receipt(
            each.sender,
            sha(b"TX", encoded(each)),
            "algorand_transaction",
        )
        for each in unsigned
    ]
    return raw, unsigned[-1].get_txid(), receipts


def algorand_slot(number=1, lease=lease_of(), last=1150):  # noqa: B008 - it is the same for ever
    return {
        "attempts": [],
        "lease": lease.hex(),
        "network": ALGORAND,
        "number": number,
        "sequence": None,
        "signer": algorand_key(1)[1],
        "state": "open",
        "valid_until": last,
    }


def algorand_begun():
    payer, issuer = algorand_key(1)[1], algorand_key(2)[1]
    core = core_of(ALGORAND, "arc3", issuer, payer)
    core["plan"]["steps"][0]["signers"].append(issuer)
    core["signers"] = sorted(
        (
            {
                "address": each,
                "curve": "ed25519",
                "key": "local-keys:x/1",
                "public_key": b64(encoding.decode_address(each)),
            }
            for each in (payer, issuer)
        ),
        key=lambda signer: signer["address"],
    )
    return begun(core)


def algorand_story():
    story = algorand_begun()
    reserve(story, algorand_slot())
    raw, id, receipts = group()
    sign(story, raw, id, receipts)
    send(story)
    confirm(story, "4711")
    return complete(story, "4711")


def failed(story, before, reason, without_effect):
    settle(story, "available" if without_effect else "spent")
    failure = {"reason": reason, "without_effect": without_effect}
    move(story, "failed", failure, before=before)
    story.deployment["failure"] = failure
    return story


def cancelled_story():
    story = evm_begun()
    story.core["account"]["address"] = story.core["account"]["key"] = None
    story.deployment["owner"] = story.core["plan"] = story.deployment["plan_hash"] = None
    story.deployment["predicted"] = None
    story.drop("account.ready")
    story.core["signers"] = []
    settle(story, "available")
    move(story, "cancelled")
    return story


def retried_story():
    """Failed in a lost nonce, asked for again, and issued."""
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, digest = transfer()
    sign(story, raw, id, [receipt(TREASURY.address, digest)])
    move(story, "rejected", {"step": 1, "transaction_id": id})
    story.attempt["rejected"] = True
    block = {"hash": "0x11", "number": 99}
    move(story, "slot_spent", {"step": 1, "slot_state": "lost", "at": block})
    story.core["steps"][0]["slots"][0]["state"] = "lost"
    failed(story, "Submitted", "TRANSACTION_SUBMISSION_FAILED", True)
    story.deployment["failure"] = None
    hold(story, AGAIN)
    story.deployment["hold"] = AGAIN
    again = move(story, "retry_requested", {"hold": str(UUID(bytes=uuid_of(AGAIN)))})
    story.deployment["accepted_at"] = again["at"]
    reserve(story, evm_slot(2, 4))
    raw, id, digest = transfer(nonce=4)
    sign(story, raw, id, [receipt(TREASURY.address, digest)])
    send(story)
    confirm(story, TOKEN)
    return complete(story, TOKEN)


def found_story():
    """The chain knew more than the records: a restored backup."""
    story = evm_begun()
    slot = {**evm_slot(nonce=None)}
    story.core["steps"][0]["slots"].append(slot)
    at = "2026-01-01T00:00:07.000000Z"
    attempt = {
        "broadcast_at": at,
        "cost": None,
        "fee_cap": "0",
        "number": 1,
        "origin": "found",
        "raw": None,
        "receipts": [],
        "rejected": False,
        "role": "effect",
        "signed_at": at,
        "transaction_id": "0x" + "cd" * 32,
    }
    slot["attempts"].append(attempt)
    story.deployment["state"] = "Pending"
    told = {
        name: value
        for name, value in attempt.items()
        if name not in {"raw", "receipts", "rejected"} and value is not None
    }
    story.say(
        "deployment.effect_found",
        details={
            "attempt": told | {"fee_cap": 0},
            "slot": {"number": 1, "network": ETHEREUM, "signer": TREASURY.address},
            "step": 1,
            "state_before": "Queued",
            "state": "Pending",
        },
    )
    confirm(story, TOKEN)
    return complete(story, TOKEN)


def differing_story():
    """Issued, and not what was planned."""
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, digest = transfer()
    sign(story, raw, id, [receipt(TREASURY.address, digest)])
    send(story)
    confirm(story, TOKEN)
    story.deployment["result"] = TOKEN
    return failed(story, "Confirmed", "POST_DEPLOYMENT_FAILED", False)


def filled_story():
    """A fill took the first nonce; issued in the next one."""
    story = evm_begun()
    reserve(story, evm_slot())
    raw, id, digest = transfer()
    sign(story, raw, id, [receipt(TREASURY.address, digest)])
    send(story)
    raw, id, digest = transfer(gas_price=9, data=b"", to=TREASURY.address)
    receipts = [receipt(TREASURY.address, digest)]
    sign(story, raw, id, receipts, "slot_filling", role="fill", fee_cap="9")
    send(story, "sent_again")
    block = {"hash": "0x11", "number": 99}
    seen = {"block": block, "cost": 21000, "succeeded": True, "transaction_id": id}
    move(story, "included", {"inclusion": seen, "step": 1})
    spent = {"step": 1, "slot_state": "spent", "at": block, "transaction_id": id}
    move(story, "slot_spent", spent)
    slot = story.core["steps"][0]["slots"][0]
    slot["state"] = "spent"
    slot["attempts"][1]["cost"] = "21000"
    reserve(story, evm_slot(2, 4))
    raw, id, digest = transfer(nonce=4)
    sign(story, raw, id, [receipt(TREASURY.address, digest)], "replaced")
    send(story, "sent_again")
    confirm(story, TOKEN)
    return complete(story, TOKEN)


def two_steps_story():
    """An application: the first window of its second step was over without it."""
    story = algorand_begun()
    second = {"inclusion": None, "is_final": False, "name": "bootstrap", "number": 2, "slots": []}
    story.core["steps"].append(second)
    steps = story.core["plan"]["steps"]
    planned(story.core, steps=[*steps, {**steps[0], "name": "bootstrap"}])
    reserve(story, algorand_slot())
    raw, id, receipts = group()
    sign(story, raw, id, receipts)
    send(story)
    confirm(story, "4711", "step_confirmed")
    story.deployment["predicted"] = "4711"
    lease = lease_of(2)
    reserve(story, algorand_slot(lease=lease, last=1300), step=2)
    raw, id, receipts = group(lease, 1300, first=1151)
    sign(story, raw, id, receipts, "step_signed", step=2)
    send(story, "step_sent", step=2)
    block = {"hash": "AA", "number": 1301}
    move(story, "slot_spent", {"step": 2, "slot_state": "expired", "at": block})
    second["slots"][0]["state"] = "expired"
    story.say("deployment.waiting", details={"reason": "node_unavailable"})
    reserve(story, algorand_slot(2, lease, 1500), step=2)
    raw, id, receipts = group(lease, 1500, first=1301)
    sign(story, raw, id, receipts, "replaced", step=2)
    send(story, "step_sent", step=2)
    confirm(story, "4711", step=2)
    return complete(story, "4711")


STORIES = {
    "evm": evm_story,
    "algorand": algorand_story,
    "cancelled": cancelled_story,
    "retried": retried_story,
    "filled": filled_story,
    "two_steps": two_steps_story,
    "found": found_story,
    "differing": differing_story,
}
