"""Stolen lists of addresses and passwords, tried by programs."""

from datetime import timedelta

from attrs import evolve
from litestar.testing import TestClient

from tests.http.prepared import app_of
from tests.http.site import PASSWORD, Site


def log_in(site, email, password=None, **headers):
    body = {"email": email, "password": password or "stolen somewhere else"}
    return site.call("POST", "/v1/auth/login", json=body, headers=headers)


def test_a_list_from_one_network_is_stopped_whatever_addresses_are_on_it(site, ada):
    codes = [log_in(site, f"user{n}@example.com").json()["code"] for n in range(101)]
    assert codes == ["invalid_credentials"] * 100 + ["rate_limited"]
    # Also where the next one on the list is right.
    assert log_in(site, "ada@example.org", PASSWORD).json()["code"] == "rate_limited"
    site.house.clock.advance(timedelta(hours=1))
    assert log_in(site, "ada@example.org", PASSWORD).status_code == 200


def test_many_passwords_for_one_address_lock_it_for_longer_each_time(site, ada):
    for minutes in (15, 30, 60):
        for _ in range(5):
            assert log_in(site, "ada@example.org").status_code == 401
        locked = log_in(site, "ada@example.org", PASSWORD)
        assert locked.json()["code"] == "account_locked"
        assert int(locked.headers["retry-after"]) == minutes * 60
        site.house.clock.advance(timedelta(minutes=minutes))


def test_a_header_makes_no_other_network(site, ada):
    """Without proxies of ours nobody says where they come from but the connection."""
    for n in range(5):
        log_in(site, "ada@example.org", **{
            "X-Forwarded-For": f"198.51.{n}.1",
            "X-Real-IP": f"198.51.{n}.1",
            "Forwarded": f"for=198.51.{n}.1",
            "CF-Connecting-IP": f"198.51.{n}.1",
            "True-Client-IP": f"198.51.{n}.1",
        })  # fmt: skip
    assert log_in(site, "ada@example.org", PASSWORD).json()["code"] == "account_locked"


def test_behind_a_proxy_only_what_the_proxy_adds_counts(house, services):
    behind = evolve(services, trusted_proxies=1)
    with TestClient(app_of(behind), raise_server_exceptions=False) as client:
        site = Site(house, behind, client)
        site.register()
        for n in range(5):
            # On the left what the client says, on the right what our proxy has seen.
            log_in(site, "ada@example.org", **{"X-Forwarded-For": f"10.0.{n}.1, 192.0.2.7"})
        told = {"X-Forwarded-For": "8.8.8.8, 192.0.2.99"}
        assert log_in(site, "ada@example.org", PASSWORD, **told).json()["code"] == "account_locked"
        told = {"X-Forwarded-For": "192.0.2.7, 203.0.113.5"}
        assert log_in(site, "ada@example.org", PASSWORD, **told).status_code == 200


def test_ways_of_writing_an_address_are_one_address(site, ada):
    for written in ("ADA@example.org", " ada@example.org", "Ada@EXAMPLE.org ", "ada@example.org",
                    "aDa@example.org"):  # fmt: skip
        log_in(site, written)
    assert log_in(site, "ada@example.org", PASSWORD).json()["code"] == "account_locked"


def test_every_door_that_takes_a_password_counts(site, ada):
    """Log-in, change, and linking an identity share one number of tries."""
    ada.post("/v1/auth/password", {"current_password": "wrong", "password": "a better battery"})
    ada.post("/v1/auth/sso/link", {"password": "wrong"})
    for _ in range(3):
        log_in(site, "ada@example.org")
    answers = [
        log_in(site, "ada@example.org", PASSWORD),
        ada.post("/v1/auth/password", {"current_password": PASSWORD, "password": "abcdefghijkl"}),
        ada.post("/v1/auth/sso/link", {"password": PASSWORD}),
    ]
    assert [each.json()["code"] for each in answers] == ["account_locked"] * 3
