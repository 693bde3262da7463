"""Any history of events, failures, deaths and second thoughts: nothing is lost, and in order."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from application.notifications.again import SendAgain
from application.notifications.deliver import LEASE
from application.notifications.endpoints import ChangeEndpoints, EndpointRequest, RegisterEndpoint
from application.notifications.fan_out import FanOut
from application.ports.egress import EgressUnavailableError, Reply
from domain.webhook import Way
from tests.application.house import FINGERPRINT, House, examples

URL = "https://hooks.example.com/"

#: What can happen, and how much of it.
QUIET_DEEDS = st.one_of(
    st.tuples(st.just("events"), st.integers(1, 3)),
    st.tuples(st.just("work"), st.just(1)),
    st.tuples(st.just("minutes"), st.integers(1, 90)),
)
DEEDS = st.one_of(
    QUIET_DEEDS,
    st.tuples(st.just("fail"), st.integers(1, 3)),
    st.tuples(st.just("hang"), st.integers(1, 2)),
    st.tuples(st.just("die"), st.just(1)),
    st.tuples(st.just("disable"), st.just(1)),
    st.tuples(st.just("enable"), st.just(1)),
    st.tuples(st.just("test"), st.just(1)),
    st.tuples(st.just("replay"), st.integers(0, 5)),
)


class History:
    """Drives one endpoint, and remembers what its receiver has seen."""

    def __init__(self):
        self.house = house = House()
        self.common = {
            "store": house.store, "clock": house.clock, "identifiers": house.identifiers,
        }  # fmt: skip
        self.seen, self.asked, self.happened = [], 0, []
        self.failing = self.hanging = 0
        house.egress.receivers[URL] = self.receive
        self.register()

    def receive(self, request):
        self.asked += 1
        event = json.loads(request.body)
        if self.hanging:
            # It has arrived, and nobody hears of it.
            self.hanging -= 1
            self.see(event)
            raise EgressUnavailableError("timeout", "too late")
        if self.failing:
            self.failing -= 1
            return Reply(status=500)
        self.see(event)
        return Reply(status=200)

    def see(self, event):
        if event["type"] == "deployment.queued":
            self.seen.append(event["data"]["id"])

    def key(self):
        return self.house.key(f"key {self.house.identifiers.next()}")

    def register(self):
        house = self.house
        use_case = RegisterEndpoint(
            **self.common, egress=house.egress, secrets=house.webhook_secrets
        )
        wish = EndpointRequest(url=URL, live=False, event_types=frozenset({"deployment.queued"}))
        made = use_case(house.caller, wish, self.key(), FINGERPRINT)
        self.endpoint = made.value.endpoint.id

    def events(self, count):
        for _ in range(count):
            name = f"dep_{len(self.happened)}"
            self.happened.append((name, self.house.clock.now()))
            trail = self.house.caller.trail(self.house.identifiers)
            trail.add("deployment.queued", name, self.house.clock.now())
            with self.house.store.begin(self.house.scope) as work:
                trail.write(work)

    def fail(self, count):
        self.failing += count

    def hang(self, count):
        self.hanging += count

    def work(self, _):
        self.house.tell()

    def die(self, _):
        """A worker that sends, and is gone before it has recorded anything."""
        fan_out = FanOut(**self.common)
        for organisation in fan_out.behind():
            fan_out(organisation)
        deliver = self.house.deliver_webhooks
        for claim in deliver.take(1, slow=1):
            turn = deliver._read(claim)
            with self.house.egress.line(URL) as line:
                for delivery in turn.deliveries:
                    if not deliver._tell(line, turn, delivery).is_good:
                        break
        self.house.clock.advance(LEASE + timedelta(seconds=1))

    def minutes(self, count):
        self.house.clock.advance(timedelta(minutes=count))
        self.house.tell()

    def disable(self, _):
        self.changing.disable(self.house.caller, self.endpoint)

    def enable(self, _):
        self.changing.enable(self.house.caller, self.endpoint)

    def test(self, _):
        self.again.test(self.house.caller, self.endpoint, self.key(), FINGERPRINT)

    def replay(self, back):
        if self.happened:
            since = self.happened[max(0, len(self.happened) - back - 1)][1]
            self.again.replay(self.house.caller, self.endpoint, since, self.key(), FINGERPRINT)

    @property
    def changing(self):
        return ChangeEndpoints(**self.common, egress=self.house.egress)

    @property
    def again(self):
        return SendAgain(**self.common)

    def settle(self):
        """Everybody is well again, and enough time passes for every pause."""
        self.failing = self.hanging = 0
        self.enable(1)
        self.house.tell()
        for _ in range(3):
            self.house.clock.advance(timedelta(hours=27))
            self.house.tell()


def is_in_order(names):
    numbers = [int(name.removeprefix("dep_")) for name in names]
    return numbers == sorted(numbers)


@given(deeds=st.lists(DEEDS, max_size=25))
@examples(60)
def test_nothing_is_lost_and_the_first_time_is_in_order(deeds):
    history = History()
    for deed, amount in deeds:
        getattr(history, deed)(amount)
    history.settle()
    assert list(dict.fromkeys(history.seen)) == [name for name, _ in history.happened]
    with history.house.store.begin(history.house.scope) as work:
        left = work.webhooks.waiting(history.endpoint, 100)
        endpoint = work.webhooks.get(history.endpoint)
    assert not [each for each in left if each.way is Way.EVENT]
    assert endpoint.due_at is None
    assert endpoint.failures == 0 or not history.happened


@given(deeds=st.lists(QUIET_DEEDS))
@examples(30)
def test_where_nothing_fails_nothing_comes_twice(deeds):
    history = History()
    for deed, amount in deeds:
        getattr(history, deed)(amount)
    history.settle()
    assert history.seen == [name for name, _ in history.happened]
    assert is_in_order(history.seen)
