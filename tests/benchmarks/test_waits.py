"""What clients wait for, for a moment: every request is one, and none of them an error."""

import psycopg

from benchmarks.waits import accepting, reading

DEPLOYMENTS = "SELECT count(*) FROM operations WHERE kind = 'deployment'"


def test_every_accepted_deployment_is_there(place):
    with psycopg.connect(place.parts.database, autocommit=True) as looking:
        ((before,),) = looking.execute(DEPLOYMENTS).fetchall()
        ready = accepting(place, least=10.0, looking_seconds=0.2)
        ((between,),) = looking.execute(DEPLOYMENTS).fetchall()
        found = ready.read(0.5)
        ((after,),) = looking.execute(DEPLOYMENTS).fetchall()
    assert before < between
    assert after - between == found.count >= 5
    assert found.errors == 0
    assert found.beside["median"] <= found.value <= found.beside["p99"]


def test_a_deployment_and_a_page_are_read_by_turns(place):
    found = reading(place, least=10.0, looking_seconds=0.2, full_page=3).read(0.5)
    assert found.count >= 5
    assert found.errors == 0
    assert {"p95_one", "p95_page"} <= set(found.beside)
