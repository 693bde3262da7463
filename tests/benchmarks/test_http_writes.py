"""Both sides of `http_write_vs_bare`, for a moment: what they count is what is in the database."""

import psycopg

from benchmarks.http_writes import writing

WRITTEN = """
SELECT (SELECT count(*) FROM teams),
       (SELECT count(*) FROM idempotency_keys WHERE route = 'POST /v1/teams'),
       (SELECT count(*) FROM audit_events WHERE action = 'team.created'),
       (SELECT count(*) FROM bare)
"""


def test_what_is_counted_was_written_once(place):
    with writing(place, connections=2) as sides, psycopg.connect(place.parts.database) as looking:
        ours, limit = sides.ours(0.3), sides.limit(0.3)
        row = looking.execute(WRITTEN).fetchone()
    assert row == (ours.count, ours.count, ours.count, limit.count)
    assert ours.count > 0
    assert limit.count > 0
    assert (ours.errors, limit.errors) == (0, 0)
