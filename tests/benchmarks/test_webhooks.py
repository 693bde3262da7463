"""`webhooks_per_second`, for a moment: what it counts was delivered."""

from benchmarks import webhooks


def test_each_event_is_delivered_to_its_organisations_endpoint(monkeypatch):
    monkeypatch.setattr(webhooks, "ORGANISATIONS", 2)
    monkeypatch.setattr(webhooks, "EVENTS", 3)
    (figure,) = webhooks.FIGURES
    with figure.prepare() as sides:
        done = sides.ours(0.1)
    assert (done.count, done.errors) == (6, 0)
    assert done.rate > 0
