"""One deployment, from its request to its credits, as a member sees it."""

from tests.application.house import House, State, states


def test_a_deployment_becomes_a_token_and_costs_its_price():
    house = House()
    id = house.deploy().id
    assert (house.wallet.available, house.wallet.held) == (20, 5)
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.tokens(id) == 1
    assert (house.wallet.available, house.wallet.held) == (20, 0)
    assert states(house.events(id)) == [
        "Submitted",
        "Pending",
        "Confirmed",
        "Indexed",
        "Completed",
    ]
