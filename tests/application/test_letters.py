"""Letters are sent at least once, and not twice without need, whatever the mail server does."""

from datetime import timedelta

import pytest

from application.access.register import Registration
from application.ports.storage.letters import LetterState
from application.ports.storage.work import Scope
from domain.identifiers import INSTALLATION
from domain.letter import LEASE, MOST_ATTEMPTS
from tests.application.house import House
from tests.application.mortal import AFTER, BEFORE, Death, Fate, Mortal, MortalStore

EMAIL = "ada@example.net"
HOUR = timedelta(hours=1)


@pytest.fixture
def house():
    house = House()
    house.registering(verifies=True)(
        Registration(
            email=EMAIL, password="correct horse battery", organisation="Ada", request_id="r"
        )
    )
    return house


def the_letter(house):
    (letter,) = house.store._letters.letters.rows.values()
    return letter


def sent(house):
    return len(house.mail.sent)


def test_what_is_taken_is_sent_once(house):
    assert house.post() == []
    house.pass_time(HOUR)
    assert house.post() == []
    assert sent(house) == 1
    letter = the_letter(house)
    assert (letter.state, letter.attempts, letter.due_at) == (LetterState.SENT, 1, None)


def test_what_is_not_taken_is_tried_again_later_each_time(house):
    house.mail.faults = ["unavailable"] * 3
    pauses = []
    for _ in range(3):
        (problem,) = house.post()
        assert "try again later" in problem
        pauses.append(the_letter(house).due_at - house.clock.now())
        assert house.post() == [], "it is not due yet"
        house.pass_time(pauses[-1])
    assert pauses == [timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10)]
    assert house.post() == []
    assert sent(house) == 1


def test_what_is_never_taken_is_given_up(house):
    house.mail.faults = ["unavailable"] * 100
    for _ in range(50):
        house.post()
        house.pass_time(timedelta(minutes=30))
    letter = the_letter(house)
    assert letter.state is LetterState.GIVEN_UP
    assert letter.attempts <= MOST_ATTEMPTS
    assert sent(house) == 0


def test_what_is_refused_is_given_up_at_once(house):
    house.mail.faults = ["refused"]
    (problem,) = house.post()
    assert EMAIL not in problem
    assert the_letter(house).state is LetterState.GIVEN_UP
    house.pass_time(HOUR)
    house.post()
    assert sent(house) == 0


@pytest.mark.parametrize(("fault", "arrived"), [("lost", 1), ("arrived", 2)])
def test_what_nobody_knows_is_repeated_once(house, fault, arrived):
    house.mail.faults = [fault]
    house.post()
    house.pass_time(timedelta(minutes=14))
    assert house.post() == []
    house.pass_time(timedelta(minutes=1))
    house.post()
    assert sent(house) == arrived
    for _ in range(5):
        house.pass_time(HOUR)
        house.post()
    assert sent(house) == arrived


def test_after_a_second_unknown_outcome_there_is_no_third_attempt(house):
    house.mail.faults = ["arrived"] * 10
    for _ in range(10):
        house.post()
        house.pass_time(HOUR)
    assert sent(house) == 2
    assert the_letter(house).state is LetterState.GIVEN_UP


def test_both_copies_have_the_same_name(house):
    house.mail.faults = ["arrived"]
    house.post()
    house.pass_time(HOUR)
    house.post()
    first, second = house.mail.sent
    assert first == second


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("step", range(6))
def test_a_worker_may_die_at_any_step(house, step, when):
    fate = Fate({step: when})
    mortal = house.send_letter(store=MortalStore(house.store, fate), mail=Mortal(house.mail, fate))
    try:
        mortal(INSTALLATION, the_letter(house).id)
    except Death:
        house.pass_time(LEASE)
    for _ in range(3):
        house.post()
        house.pass_time(HOUR)
    assert the_letter(house).state is LetterState.SENT
    # Twice only where it died between the server's answer and the record of it.
    assert sent(house) in {1, 2}


def test_nobody_sends_what_another_is_sending(house):
    class Nosy:
        """Asks another worker to send the same, in the middle of it."""

        def send(self, message):
            house.post()
            house.mail.send(message)

    house.post(house.send_letter(mail=Nosy()))
    assert sent(house) == 1


def test_what_is_over_is_not_sent(house):
    house.pass_time(timedelta(days=1))
    assert house.post() == []
    assert sent(house) == 0
    assert the_letter(house).state is LetterState.GIVEN_UP


def test_what_is_sent_keeps_nothing_but_what_is_needed(house):
    house.mail.faults = []
    house.post()
    # A registration: its password and name are needed when the token comes back.
    assert the_letter(house).sealed is not None
    with house.store.begin(Scope(user=the_letter(house).user)) as work:
        assert work.letters.end_of_user(house.clock.now()) == 1
    assert the_letter(house).sealed is None
