"""An e-mail address and a password in; a token, an exact bill and an audit trail out."""

from datetime import timedelta


def test_a_token_from_registration_to_the_bill(site):
    ada = site.register()
    plan = ada.plan().json()
    deployment = ada.deploy(
        deployment_id=plan["deployment_id"], plan_hash=plan["plan_hash"], client_reference="first"
    )
    assert deployment["id"] == plan["deployment_id"]
    assert (deployment["state"], ada.balance) == ("Queued", (20, 5))

    site.work_until_done()

    done = ada.get(deployment["links"]["self"]).json()
    assert (done["state"], done["waiting"]) == ("Completed", None)
    assert done["address"] == plan["predicted_address"]
    assert done["owner"] == plan["owner"] != done["sender"]
    (transaction,) = done["steps"][0]["transactions"]
    assert transaction["succeeded"]
    assert int(transaction["cost"]) > 0
    assert ada.balance == (20, 0)
    journal = ada.get("/v1/credits/journal").json()["data"]
    assert [line["action"].partition(".")[2] for line in journal] == [
        "captured",
        "held",
        "granted",
    ]
    actions = [
        event["action"] for event in ada.get(deployment["links"]["audit_events"]).json()["data"]
    ]
    assert actions[0] == "deployment.queued"
    assert actions[-1] == "deployment.completed"


def test_planning_stores_and_costs_nothing(ada):
    assert ada.plan().status_code == 200
    assert ada.balance == (25, 0)
    assert ada.get("/v1/deployments").json()["data"] == []


def test_a_plan_that_no_longer_fits_is_refused(ada):
    plan = ada.plan().json()
    answered = ada.create(
        deployment_id=plan["deployment_id"],
        plan_hash=plan["plan_hash"],
        token={"name": "Other", "symbol": "OTH", "decimals": 2, "supply": "1000"},
    )
    assert (answered.status_code, answered.json()["code"]) == (409, "plan_changed")
    assert ada.balance == (25, 0)


def test_a_plan_of_yesterday_is_refused(site, ada):
    plan = ada.plan().json()
    site.house.pass_time(timedelta(hours=25))
    ada.token = site.log_in()
    answered = ada.create(deployment_id=plan["deployment_id"], plan_hash=plan["plan_hash"])
    assert (answered.status_code, answered.json()["code"]) == (409, "plan_expired")


def test_an_id_is_used_once(ada):
    plan = ada.plan().json()
    ada.deploy("one", deployment_id=plan["deployment_id"])
    answered = ada.create("two", deployment_id=plan["deployment_id"])
    assert (answered.status_code, answered.json()["code"]) == (409, "deployment_id_used")


def test_a_client_reference_is_used_once_and_finds_its_deployment(ada):
    deployment = ada.deploy("one", client_reference="invoice 7")
    answered = ada.create("two", client_reference="invoice 7")
    assert (answered.status_code, answered.json()["code"]) == (409, "client_reference_used")
    found = ada.get("/v1/deployments", params={"client_reference": "invoice 7"}).json()
    assert [each["id"] for each in found["data"]] == [deployment["id"]]


def test_what_was_not_started_can_be_cancelled_for_nothing(ada):
    deployment = ada.deploy()
    cancelled = ada.post(f"/v1/deployments/{deployment['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "Cancelled")
    assert ada.balance == (25, 0)


def test_what_may_take_effect_cannot_be_cancelled(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    answered = ada.post(f"/v1/deployments/{deployment['id']}/cancel")
    assert (answered.status_code, answered.json()["code"]) == (409, "too_late_to_cancel")


def test_a_failure_without_effect_is_free_and_can_be_tried_again(site, ada):
    deployment = ada.deploy()
    site.house.chain.refuses = "the token is cursed"
    site.work_until_done(1)
    failed = ada.get(f"/v1/deployments/{deployment['id']}").json()
    assert (failed["state"], failed["failure"]["retryable"]) == ("Failed", True)
    assert ada.balance == (25, 0)

    site.house.chain.refuses = None
    retry = f"/v1/deployments/{deployment['id']}/retry"
    assert ada.post(retry).json()["code"] == "idempotency_key_missing"
    again = ada.post(retry, headers={"Idempotency-Key": "again"})
    assert (again.status_code, again.json()["state"]) == (202, "Queued")
    replayed = ada.post(retry, headers={"Idempotency-Key": "again"})
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert ada.balance == (20, 5)
    site.work_until_done()
    assert ada.get(f"/v1/deployments/{deployment['id']}").json()["state"] == "Completed"


def test_what_is_done_cannot_be_tried_again(site, ada):
    deployment = ada.deploy()
    site.work_until_done()
    answered = ada.post(
        f"/v1/deployments/{deployment['id']}/retry", headers={"Idempotency-Key": "again"}
    )
    assert (answered.status_code, answered.json()["code"]) == (409, "not_retryable")


def test_without_credits_nothing_starts(ada):
    for number in range(5):
        ada.deploy(f"key-{number}")
    answered = ada.create("key-6")
    # The free tariff's five deployments are its twenty-five credits.
    assert answered.status_code in {402, 403}
    assert answered.json()["code"] in {"insufficient_credits", "monthly_quota_exceeded"}
    assert answered.json()["remediation"]
    assert ada.balance == (0, 25)


def test_an_account_without_a_key_is_waited_for(site):
    ada = site.register(ready=False)
    planned = ada.plan()
    assert (planned.status_code, planned.json()["code"]) == (409, "account_not_ready")
    assert planned.headers["Retry-After"] == "2"
    deployment = ada.deploy()
    site.work_until_done(1)
    waiting = ada.get(f"/v1/deployments/{deployment['id']}").json()["waiting"]
    assert waiting["for"] == "account_not_ready"


def test_a_list_is_read_page_by_page(ada):
    ids = [ada.deploy(f"key-{number}")["id"] for number in range(4)]
    seen, path = [], "/v1/deployments?limit=3"
    while path:
        page = ada.get(path).json()
        seen += [each["id"] for each in page["data"]]
        path = page["has_more"] and f"/v1/deployments?limit=3&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


def test_a_list_is_narrowed(site, ada):
    ada.deploy("one")
    site.work_until_done()
    queued = ada.deploy("two")
    found = ada.get("/v1/deployments?state=Queued&live=false&network=memory:1").json()["data"]
    assert [each["id"] for each in found] == [queued["id"]]
    assert ada.get("/v1/deployments?network=eip155:1").json()["data"] == []
    assert ada.get("/v1/deployments?live=true").json()["data"] == []


def test_a_poll_without_news_costs_no_body(site, ada):
    deployment = ada.deploy()
    path = deployment["links"]["self"]
    tag = ada.get(path).headers["ETag"]
    unchanged = ada.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    site.work_until_done()
    changed = ada.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"]) == (200, "Completed")
    assert changed.headers["ETag"] != tag


def test_the_resources_that_one_reads_before_issuing(ada):
    (network,) = ada.get("/v1/networks").json()["data"]
    assert (network["class"], network["live"], network["status"]) == ("development", False, "ok")
    assert ada.get(f"/v1/networks/{network['id']}").json() == network
    for kind in ada.get("/v1/token_kinds").json()["data"]:
        assert kind["networks"] == [network["id"]]
        assert ada.get(f"/v1/token_kinds/{kind['kind']}").json() == kind
    (account,) = ada.get("/v1/accounts").json()["data"]
    assert account["state"] == "ready"
    assert ada.get(f"/v1/accounts/{account['id']}").json() == account
    (organisation,) = ada.get("/v1/organisations").json()["data"]
    assert organisation["role"] == "owner"
    assert ada.get(f"/v1/organisations/{organisation['id']}").status_code == 200


def test_a_halted_network_says_so(site, ada):
    site.house.halt.network(site.house.network, "final_block_vanished", "block 7 is another one")
    assert ada.get("/v1/networks").json()["data"][0]["status"] == "halted"
