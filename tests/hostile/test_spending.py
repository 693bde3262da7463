"""Spending more than one may: by another name of one's own."""

from tests.http.test_identity import is_refused


def spend(person, key):
    headers = {"Idempotency-Key": key}
    return person.post("/v1/usage/holds", {"operation": "report"}, headers=headers)


def test_a_new_key_for_each_spend_gets_round_no_quota(ada):
    """What a member's keys take is the member's, also of keys that they have revoked."""
    quota = f"/v1/quotas/{ada.registered['member']['id']}/day"
    assert ada.call("PUT", quota, json={"limit": 12}).status_code == 200
    for number in range(2):
        key = ada.key()
        key.deploy(f"deployment-{number}")
        ada.post(f"/v1/api_keys/{key.registered['id']}/revoke")
    fresh = ada.key(spend_cap=1_000)
    is_refused(fresh.create("deployment-3"), 403, "quota_exceeded")
    is_refused(ada.create("deployment-4"), 403, "quota_exceeded")
    assert spend(fresh, "a").status_code == 201
    for number, person in enumerate((fresh, ada, ada.key())):
        is_refused(spend(person, f"b-{number}"), 403, "quota_exceeded")
