"""The master key is changed while everything runs: nothing is lost, whoever dies when.

What is asked afterwards is what it was for: keys sign, endpoints' secrets and letters open.
"""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import local_keys, vault
from adapters.local_keys import LocalKeyEnvelopes, LocalKeyWrapping, SeedSigning
from adapters.memory.clock import MemoryClock
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.storage import MemoryStore
from application.custody.wrappings import Wrappings
from application.notifications.secrets import EndpointSecrets
from application.operator.installation_secret import InstallationSecret
from application.operator.rewrap import Rewrap
from application.ports.custody import CustodyRefusedError, KeyWrapping
from application.ports.storage.work import Scope, Store
from domain.identifiers import INSTALLATION, AccountId, EndpointId
from domain.signing import CURVES, KeyUse, Purpose
from domain.webhook import Endpoint, written
from entrypoints.devnet.vault import Vault
from tests.application.mortal import DEATHS, Death, Fate, MortalStore
from tests.contract.custody import guarded, registered
from tests.contract.test_custodian import TX

FIRST, SECOND = b"1" * 32, b"2" * 32
BOTH = {1: FIRST, 2: SECOND}
MESSAGES = {
    KeyUse.EVM_ACCOUNT: (Purpose.EVM_TRANSACTION, bytes(32)),
    KeyUse.ALGORAND_ACCOUNT: (Purpose.ALGORAND_TRANSACTION, TX),
}


@define(slots=False)
class Cellar:
    """Secrets of every kind, made under a first master key."""

    store: MemoryStore = field(factory=MemoryStore)
    clock: MemoryClock = field(factory=MemoryClock)
    keys: dict = field(factory=dict)
    told: dict = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.identifiers = MemoryIdentifiers(self.clock)
        wrapping = LocalKeyWrapping({1: FIRST})
        custodian = guarded(local_keys.over(self.store, wrapping))
        for use in MESSAGES:
            made = custodian.create_key(INSTALLATION, AccountId(uuid4()), CURVES[use], use)
            self.keys[use] = made.key
        self.disabled = custodian.create_key(
            INSTALLATION, AccountId(uuid4()), CURVES[KeyUse.EVM_ACCOUNT], KeyUse.EVM_ACCOUNT
        ).key
        custodian.disable(self.disabled)
        self.told["installation"] = self.secret(wrapping)("cursor", 32)
        self.endpoint = EndpointId(uuid4())
        made, shown = self.endpoints(wrapping).new(
            INSTALLATION, self.endpoint, 1, self.clock.now()
        )
        self.told["endpoint"] = shown
        with self.store.begin(Scope.installation()) as work:
            work.webhooks.add(
                Endpoint(
                    organisation=INSTALLATION,
                    id=self.endpoint,
                    url="https://ops.example/hook",
                    live=False,
                    created_by="operator",
                    created_at=self.clock.now(),
                    cursor=0,
                ),
                made,
            )

    def secret(self, wrapping: KeyWrapping) -> InstallationSecret:
        return InstallationSecret(
            store=self.store, wrapping=wrapping, identifiers=self.identifiers
        )

    def endpoints(self, wrapping: KeyWrapping) -> EndpointSecrets:
        return EndpointSecrets(
            wrapping=wrapping, seeds=SeedSigning(), identifiers=self.identifiers
        )

    def rewrap(self, wrapping: KeyWrapping, store: Store | None = None) -> Rewrap:
        return Rewrap(
            store=store or self.store,
            wrapping=wrapping,
            envelopes={"local-keys": LocalKeyEnvelopes()},
            clock=self.clock,
            identifiers=self.identifiers,
        )

    def is_whole(self, wrapping: KeyWrapping) -> None:
        """Whoever has *wrapping* and nothing else reads everything."""
        custodian = guarded(local_keys.over(self.store, wrapping))
        for use, (purpose, message) in MESSAGES.items():
            custodian.sign(self.keys[use], message, purpose)
        with pytest.raises(CustodyRefusedError, check=lambda error: error.code == "key_disabled"):
            custodian.sign(self.disabled, bytes(32), Purpose.EVM_TRANSACTION)
        assert self.secret(wrapping)("cursor", 32) == self.told["installation"]
        with self.store.begin(Scope.installation()) as work:
            secrets = work.webhooks.secrets(self.endpoint)
        (plain,) = self.endpoints(wrapping).read(
            INSTALLATION, self.endpoint, secrets, self.clock.now()
        )
        assert written(plain) == self.told["endpoint"]


def test_afterwards_the_old_master_key_can_go():
    cellar, seen = Cellar(), []
    both = LocalKeyWrapping(BOTH)
    progress = cellar.rewrap(both)(seen.append)
    assert (progress.current, progress.left, progress.problems) == ("local-keys:master/2", 0, ())
    assert progress.done == 5
    assert seen[-1] == progress
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))
    with pytest.raises(CustodyRefusedError):
        cellar.is_whole(LocalKeyWrapping({1: FIRST}))
    assert cellar.rewrap(both)().done == 0


def test_until_then_both_are_needed_and_both_are_enough():
    cellar, both = Cellar(), LocalKeyWrapping(BOTH)
    cellar.is_whole(both)
    cellar.rewrap(both)()
    cellar.is_whole(both)


def test_a_version_may_be_there_before_it_wraps():
    """So that every process can read it before the first one writes it."""
    cellar, waiting = Cellar(), LocalKeyWrapping(BOTH, 1)
    assert waiting.current() == "local-keys:master/1"
    assert cellar.rewrap(waiting)().done == 0
    cellar.is_whole(LocalKeyWrapping({1: FIRST}))
    with pytest.raises(ValueError, match="version 3"):
        LocalKeyWrapping(BOTH, 3)


@settings(max_examples=60, deadline=None)
@given(deaths=st.dictionaries(st.integers(0, 40), st.sampled_from(DEATHS), max_size=5))
def test_whoever_dies_leaves_the_rest_to_the_next_run(deaths):
    cellar, fate, both = Cellar(), Fate(deaths), LocalKeyWrapping(BOTH)
    for _ in range(len(deaths) + 1):
        try:
            done = cellar.rewrap(both, MortalStore(cellar.store, fate))()
        except Death:
            cellar.is_whole(both)
            continue
        break
    assert done.left == 0
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))


def test_several_at_once_do_each_of_them_once():
    cellar, both = Cellar(), LocalKeyWrapping(BOTH)
    with ThreadPoolExecutor(6) as runs:
        progresses = list(runs.map(lambda _: cellar.rewrap(both)(), range(6)))
    assert sum(each.done for each in progresses) == 5
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))


def test_a_key_that_is_disabled_meanwhile_stays_disabled():
    cellar, both = Cellar(), LocalKeyWrapping(BOTH)
    key = cellar.keys[KeyUse.EVM_ACCOUNT]
    custodian = guarded(local_keys.over(cellar.store, both))

    class Slow(LocalKeyEnvelopes):
        def rewrapped(self, of, record, wrapping):
            if of == key:
                custodian.disable(key)
            return super().rewrapped(of, record, wrapping)

    evolve(cellar.rewrap(both), envelopes={"local-keys": Slow()})()
    assert not custodian.describe(key).enabled
    assert cellar.rewrap(both)().left == 0
    assert (
        not guarded(local_keys.over(cellar.store, LocalKeyWrapping({2: SECOND})))
        .describe(key)
        .enabled
    )


def test_what_cannot_be_unwrapped_is_named_and_the_rest_is_done():
    cellar = Cellar()
    with cellar.store.begin(Scope.installation()) as work:
        work.secrets.add("foreign", LocalKeyWrapping({9: b"9" * 32}).wrap(b"secret", b""))
    progress = cellar.rewrap(LocalKeyWrapping(BOTH))()
    assert (progress.done, progress.left) == (5, 1)
    ((place, problem),) = progress.problems
    assert place.name == "foreign"
    assert "master/9" in problem
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))


def test_it_moves_into_vault_and_back():
    cellar = Cellar()
    with Vault() as server:
        in_vault = vault.wrapping(server.url, {"token": server.root})
        several = {"local-keys": LocalKeyWrapping({1: FIRST}), "vault": in_vault}
        there = Wrappings(by_scheme=several, chosen="vault")
        assert cellar.rewrap(there)().left == 0
        cellar.is_whole(in_vault)
        back = Wrappings(
            by_scheme={"local-keys": LocalKeyWrapping({2: SECOND}), "vault": in_vault},
            chosen="local-keys",
        )
        assert cellar.rewrap(back)().left == 0
    cellar.is_whole(LocalKeyWrapping({2: SECOND}))


def test_the_register_of_keys_elsewhere_is_wrapped_anew_too():
    store = MemoryStore()
    with Vault() as server:
        holder = vault.connect(server.url, {"token": server.root})
        old = evolve(registered("vault", holder, store), wrapping=LocalKeyWrapping({1: FIRST}))
        use = KeyUse.ALGORAND_ACCOUNT
        key = old.create_key(INSTALLATION, AccountId(uuid4()), CURVES[use], use)
        cellar = Cellar()
        cellar.rewrap(LocalKeyWrapping(BOTH), store)()
        new = evolve(old, wrapping=LocalKeyWrapping({2: SECOND}))
        assert new.describe(key.key) == key
