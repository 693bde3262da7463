"""What was so at an instant, as an auditor and an operator are told it."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from application.audit.as_of import StateAsOf
from domain.audit import timestamp
from entrypoints.commands import setting_up
from entrypoints.main import main


def test_an_auditor_is_told_what_was_so_at_an_instant(site, ada):
    before = site.house.clock.now()
    site.house.pass_time(timedelta(seconds=1))
    token = ada.issue()
    ada.mint(token)
    site.work_until_done()
    then = ada.get("/v1/audit/state", params={"at": timestamp(before)}).json()
    now = ada.get("/v1/audit/state").json()
    assert (then["credits"]["available"], then["tokens"]) == (25, [])
    assert then["follows_from"]["sequence"] < now["follows_from"]["sequence"]
    (member,) = now["members"]
    assert (member["role"], member["since"]) == ("owner", then["members"][0]["since"])
    balance = ada.get("/v1/credits/balance").json()
    assert now["credits"]["available"] == balance["available"]
    (told,) = now["tokens"]
    assert (told["id"], told["address"]) == (token["id"], token["address"])
    assert int(told["supply"]) == int(site.house.token().supply) + 500
    assert now["lacks"] == then["lacks"] == []


@pytest.mark.parametrize("live", [False, True])
def test_a_key_of_one_mode_is_not_told_of_the_other(site, ada, live):
    ada.issue()
    answered = ada.key(live=live, scopes=["audit:read"]).get("/v1/audit/state")
    assert (answered.status_code, answered.json()["code"]) == (403, "mode_mismatch")


def test_nobody_is_told_of_the_future(site, ada):
    now = site.house.clock.now()
    told = ada.get("/v1/audit/state", params={"at": timestamp(now + timedelta(days=400))}).json()
    assert told["at"] == timestamp(now)


@pytest.mark.parametrize("at", ["yesterday", "2026-11-20T12:00:00", ""])
def test_an_instant_has_a_zone(site, ada, at):
    answered = ada.get("/v1/audit/state", params={"at": at})
    assert (answered.status_code, answered.json()["code"]) == (400, "validation_failed")


def test_a_key_that_may_not_read_the_trail_is_told_nothing(site, ada):
    key = ada.key(scopes=["credits:read"])
    answered = key.get("/v1/audit/state")
    assert (answered.status_code, answered.json()["code"]) == (403, "forbidden")


def test_the_command_says_the_same(site, ada, monkeypatch):
    @contextmanager
    def container(_ctx):
        yield SimpleNamespace(
            clock=lambda: site.house.clock, state_as_of=lambda: StateAsOf(store=site.house.store)
        )

    monkeypatch.setattr(setting_up, "container", container)
    ada.issue()
    asked = ["audit", "state", ada.organisation]
    told = CliRunner().invoke(main, [*asked, "--json"])
    assert json.loads(told.stdout) == ada.get("/v1/audit/state").json()
    shown = CliRunner().invoke(main, asked).stdout
    assert "owner" in shown
    assert "supply 1000" in shown
    early = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    assert "nothing had happened" in CliRunner().invoke(main, [*asked, "--at", early]).stdout
    wrong = CliRunner().invoke(main, [*asked, "--at", "2020-01-01"])
    assert wrong.exit_code == 2
    assert "no instant with a zone" in wrong.stderr
