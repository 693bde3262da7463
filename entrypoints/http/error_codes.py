"""Every code a client can meet, and what to do about it.

The one table: the answers, the documentation pages and the tests are made from it.  A code is
lower_snake_case and never changes its meaning; texts may.  Codes of *fields* appear inside
``errors`` of a ``validation_failed`` answer.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen, validators


class Retry(StrEnum):
    """Whether the same request can ever be answered otherwise."""

    NEVER = "never"
    NOW = "now"
    #: By itself, a little later.
    AFTER_DELAY = "after_delay"
    #: Not before the time that the answer names.
    AFTER_COOLDOWN = "after_cooldown"
    #: After the client has changed something that is not the request.
    AFTER_REMEDIATION = "after_remediation"
    #: After the operator has changed something.
    AFTER_CONFIGURATION = "after_configuration"


@frozen
class ErrorCode:
    code: str = field(validator=validators.matches_re(r"[a-z][a-z0-9_]*"))
    status: int
    #: Constant per code.
    title: str
    #: What to do about it, in one sentence.
    remediation: str
    retry: Retry = Retry.NEVER
    #: Where the answer itself does not know.
    retry_after_seconds: int | None = None


# fmt: off
_REQUESTS = (
    ErrorCode("malformed_json", 400, "The body is not JSON",
              "Send one JSON object, encoded in UTF-8."),
    ErrorCode("body_not_an_object", 400, "The body is not a JSON object",
              "Send one JSON object as the body, even if it has no fields."),
    ErrorCode("validation_failed", 400, "The request has faults",
              "Correct every field that `errors` lists and send the request again."),
    ErrorCode("bad_request", 400, "The request is not understood",
              "Compare the request with the API's documentation."),
    ErrorCode("idempotency_key_missing", 400, "An Idempotency-Key is needed",
              "Send a header Idempotency-Key with a fresh random value, and the same value when "
              "you repeat the request."),
    ErrorCode("idempotency_key_invalid", 400, "The Idempotency-Key is not usable",
              "Use 1 to 255 printable ASCII characters, for instance a UUID."),
    ErrorCode("route_not_found", 404, "There is nothing at this address",
              "Look the path up in the API's documentation."),
    ErrorCode("not_found", 404, "There is no such thing",
              "Check the id; it must belong to your organisation."),
    ErrorCode("method_not_allowed", 405, "This address does not take that method",
              "Use one of the methods in the Allow header."),
    ErrorCode("request_timeout", 408, "The body took too long to arrive",
              "Send the request again over a connection that keeps up; nothing was done.",
              Retry.AFTER_DELAY, 1),
    ErrorCode("body_too_large", 413, "The body is too large",
              "Send less: no request of this API needs that much."),
    ErrorCode("unsupported_media_type", 415, "The body is not declared as JSON",
              "Send the header Content-Type: application/json."),
    ErrorCode("idempotency_key_reused", 422, "The Idempotency-Key belongs to another request",
              "Use a new Idempotency-Key for a new request; the first one is not affected."),
    ErrorCode("request_in_flight", 409, "The same request is being worked on",
              "Repeat the request with the same Idempotency-Key after the delay.",
              Retry.AFTER_DELAY, 1),
    ErrorCode("rate_limited", 429, "Too many requests",
              "Wait for as long as Retry-After says.", Retry.AFTER_COOLDOWN, 60),
)

_ACCESS = (
    ErrorCode("authentication_required", 401, "Nobody is logged in",
              "Send the header Authorization: Bearer with an access token or an API key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("invalid_token", 401, "The access token is not good",
              "Refresh the session, or log in again.", Retry.AFTER_REMEDIATION),
    ErrorCode("invalid_api_key", 401, "The API key is not good",
              "Use a key that is neither revoked nor expired; an owner can make a new one.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("api_key_not_enabled", 401, "The API key waits to be enabled",
              "Have a member who may manage keys enable it (POST /v1/api_keys/{id}/enable) if it"
              " is in the right hands, or make another one.", Retry.AFTER_REMEDIATION),
    ErrorCode("api_key_over", 409, "The API key is revoked or expired",
              "Make another one: this one is never good again."),
    ErrorCode("invalid_credentials", 401, "The address or the password is wrong",
              "Check both; after five failures the address is locked for a while.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("invalid_refresh_token", 401, "The refresh token is not good",
              "Log in again.", Retry.AFTER_REMEDIATION),
    ErrorCode("refresh_token_reused", 401, "The refresh token was used before",
              "Log in again, and find out who else has the token: the session is revoked.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("account_locked", 423, "Log-ins with this address are locked",
              "Wait for as long as Retry-After says, then log in with the right password.",
              Retry.AFTER_COOLDOWN, 900),
    ErrorCode("forbidden", 403, "You may not do this",
              "Ask an owner of the organisation for the permission that `detail` names, or use an"
              " API key that has it.", Retry.AFTER_REMEDIATION),
    ErrorCode("mode_mismatch", 403, "The API key is for the other mode",
              "Use a test key for test and development networks and a live key for live ones.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("network_not_allowed", 403, "The API key is not for this network",
              "Use a network that the key names, or have a key made that names this one.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("session_required", 403, "Only a session may do this",
              "Log in and use the access token instead of an API key.", Retry.AFTER_REMEDIATION),
    ErrorCode("address_not_verified", 403, "The e-mail address is not verified",
              "Have a letter sent (POST /v1/auth/verify/send) and send its token to POST "
              "/v1/auth/verify, or use a development network, then repeat with a new "
              "Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("invalid_mail_token", 400, "The token is not good",
              "Use the token of the newest letter once and in time, or have another one sent.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("mail_not_configured", 503, "This installation sends no mail",
              "Ask the operator to set `[mail] url`; nothing was done.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("invitation_for_another", 403, "The invitation is for another address",
              "Log in with the address that the letter was sent to, or ask for one to yours.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("member_already", 409, "You are a member of this organisation already",
              "Switch to it with POST /v1/auth/switch; an owner can give you another role."),
    ErrorCode("last_owner", 409, "An organisation has an owner",
              "Make another member an owner first.", Retry.AFTER_REMEDIATION),
    ErrorCode("email_taken", 409, "The address is registered already",
              "Log in with it, or register with another address."),
    ErrorCode("sso_not_configured", 503, "This installation has no single sign-on",
              "Log in with a password, or ask the operator to set `[oidc] issuer`.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("sso_unavailable", 503, "The provider of log-ins does not answer",
              "Begin again in a moment, or log in with a password.", Retry.AFTER_DELAY, 10),
    ErrorCode("sso_failed", 401, "The sign-in did not come to an end",
              "Begin again; if it goes on, show `detail` to the operator.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("sso_not_allowed", 403, "The address is of no domain that signs in here",
              "Use an address of your organisation's, verified by the provider, or ask the "
              "operator to add the domain to `[oidc] allowed_domains`.", Retry.AFTER_REMEDIATION),
    ErrorCode("sso_not_linked", 403, "The identity is linked to nobody here",
              "Log in with your password and link it (POST /v1/auth/sso/link), or register first.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("sso_already_linked", 409, "The identity cannot be linked to you",
              "Unlink it where it is linked (GET /v1/auth/identities), or unlink your other "
              "one of this provider, then begin again.", Retry.AFTER_REMEDIATION),
    ErrorCode("organisation_needed", 409, "The session needs an organisation",
              "Name in `organisation` one that you are a member of."),
    ErrorCode("expiry_in_the_past", 400, "The key would be dead at once",
              "Choose an `expires_at` in the future, or leave it out."),
)

_CREDITS = (
    ErrorCode("insufficient_credits", 402, "There are not enough credits",
              "Get more credits (POST /v1/billing/checkout, or of the operator), then repeat with "
              "a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("monthly_quota_exceeded", 403, "The month's deployments are used up",
              "Wait for the next month or change the tariff, then repeat with a new Idempotency-"
              "Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("quota_exceeded", 403, "A quota has not enough left",
              "Wait for the quota's next window, or ask an owner for a higher one, then repeat "
              "with a new Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("quota_not_set", 409, "There is no quota to move a part of",
              "Ask an owner to set one for both members, then repeat with a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("member_not_found", 422, "Somebody named is no member",
              "Name members of your own organisation."),
    ErrorCode("gift_to_self", 422, "A gift is for others",
              "Name another organisation, or another member of yours."),
    ErrorCode("gift_cap_exceeded", 403, "The day's gifts are given",
              "Wait for the next day (UTC), or give less, then repeat with a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("tariff_too_low", 403, "The tariff does not include this",
              "Change the tariff, or choose another kind or network, then repeat with a new "
              "Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("tariff_not_in_catalogue", 403, "The tariff is not sold any more",
              "Ask the operator: `tallystick tariff set` puts the organisation on another one.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("licence_premium_off", 402, "A payment has failed or is disputed",
              "Pay what is owed; premium and compliance begin again at once. Then repeat with a "
              "new Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("licence_core_off", 402, "Nothing new begins until it is paid for",
              "Pay what is owed, or subscribe again; credits are kept meanwhile. Then repeat with "
              "a new Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("spending_blocked", 423, "Metered spends of this member are blocked",
              "Too many were malformed or overdrawn: wait for as long as Retry-After says, and "
              "look at what sends them.", Retry.AFTER_COOLDOWN, 900),
    ErrorCode("spending_frozen", 423, "Much was spent within an hour",
              "Wait for as long as Retry-After says, or ask the operator to lift it.",
              Retry.AFTER_COOLDOWN, 3_600),
    ErrorCode("too_soon", 429, "The last premium call was a moment ago",
              "Wait for as long as Retry-After says.", Retry.AFTER_COOLDOWN, 3),
    ErrorCode("too_many_credits", 422, "One request may not cost that much",
              "Split what is asked into several requests."),
    ErrorCode("too_much_output", 422, "One call may not put out that much",
              "Ask for less output in one call."),
    ErrorCode("unknown_operation", 422, "There is no such metered operation",
              "Name one of those that `GET /v1/billing/tariffs` tells the price of."),
    ErrorCode("hold_conflict", 409, "The hold is for something else",
              "Use a new id for a new hold."),
    ErrorCode("hold_not_found", 404, "There is no such hold",
              "Check the id; it must belong to your organisation."),
    ErrorCode("hold_closed", 409, "The hold is over",
              "Nothing needs to be done: it was captured or released before."),
    ErrorCode("exceeds_hold", 422, "More than what is held cannot be captured",
              "Capture at most the amount of the hold."),
    ErrorCode("hold_expired", 409, "The hold's lease is over",
              "Hold credits anew with a new Idempotency-Key, and renew the hold in time."),
    ErrorCode("hold_has_no_lease", 409, "The hold ends with its operation",
              "Nothing needs to be done: only metered holds are renewed."),
    ErrorCode("debt_outstanding", 402, "Credits are owed",
              "A payment was taken back after its credits were used. GET /v1/credits/balance says "
              "how many are owed; get more (POST /v1/billing/checkout), which pay the debt first, "
              "then repeat with a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("exceeds_capture", 422, "More than what was captured cannot be corrected",
              "Correct at most what is still captured of the hold."),
    ErrorCode("grant_not_found", 404, "There is no such grant",
              "Check the economic fact that it was granted for."),
    ErrorCode("exceeds_grant", 422, "More than what was granted cannot be taken back",
              "Take back at most the amount of the grant."),
)

_BILLING = (
    ErrorCode("billing_not_configured", 503, "This installation takes no money",
              "Ask the operator for credits or a tariff; everything else works.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("payments_unavailable", 503, "The payment provider does not answer",
              "Repeat the request with the same Idempotency-Key after the delay.",
              Retry.AFTER_DELAY, 5),
    ErrorCode("payments_refused", 409, "The payment provider refused",
              "Ask the operator, whose log has the provider's reason.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("item_not_published", 409, "This is not for sale at the payment provider's yet",
              "Repeat the request with the same Idempotency-Key after the delay; the operator has "
              "been told.", Retry.AFTER_DELAY, 300),
    ErrorCode("item_not_sold", 422, "This cannot be bought",
              "Choose a pack or a tariff of GET /v1/billing/tariffs that has a fixed price, then "
              "repeat with a new Idempotency-Key."),
    ErrorCode("subscription_exists", 409, "There is a subscription already",
              "Change it through POST /v1/billing/portal instead of buying a second one.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("nothing_paid_yet", 409, "There is nothing to manage yet",
              "Buy a pack or a tariff first, with POST /v1/billing/checkout.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("signature_invalid", 400, "The event is not signed as it must be",
              "Compare the endpoint's signing secret with the configured webhook_secrets, and "
              "both clocks.", Retry.AFTER_CONFIGURATION),
    ErrorCode("event_of_other_mode", 400, "The event is of the other mode",
              "Send events of live mode to the production installation only, and those of test "
              "mode to the others.", Retry.AFTER_CONFIGURATION),
    ErrorCode("payment_event_not_recorded", 503, "The event could not be recorded",
              "Send it again; nothing of it was kept.", Retry.AFTER_DELAY, 5),
)

_DEPLOYMENTS = (
    ErrorCode("deployment_id_used", 409, "The deployment id is used already",
              "Plan again for a fresh id, then repeat with a new Idempotency-Key; or read the "
              "deployment of that id."),
    ErrorCode("plan_expired", 409, "The plan is over",
              "Plan again and use the new deployment_id and plan_hash, then repeat with a new "
              "Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("plan_changed", 409, "What was planned is not what would be done",
              "Plan again and look at the differences, then repeat with a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("client_reference_used", 409, "The client_reference is used already",
              "Read what has it with ?client_reference=, or use another reference."),
    ErrorCode("plan_hash_required", 409, "The plan has to be approved",
              "Plan first, and send its deployment_id and plan_hash with a new Idempotency-Key; "
              "another member then approves that hash.", Retry.AFTER_REMEDIATION),
    ErrorCode("approval_by_requester", 403, "Somebody else has to approve it",
              "Ask another member who may approve deployments.", Retry.AFTER_REMEDIATION),
    ErrorCode("approval_decided", 409, "It is decided already",
              "Read the approval; what was decided stays so."),
    ErrorCode("approval_expired", 409, "Nobody has approved it in time",
              "Try the deployment again, which asks anew.", Retry.AFTER_REMEDIATION),
    ErrorCode("approval_rejected", 409, "Another member has said no",
              "Talk to them, then plan again; or try the deployment again, which asks anew.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("account_not_found", 404, "There is no such issuing account",
              "Choose one of GET /v1/accounts that fits the network, or leave `account` out."),
    ErrorCode("account_not_ready", 409, "The issuing account has no key yet",
              "Try again in a few seconds; the key is being made.", Retry.AFTER_DELAY, 2),
    ErrorCode("account_disabled", 409, "The issuing account cannot be used",
              "Choose another account, or ask the operator why this one is out of use.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("key_change_under_way", 409, "The account's keys are being changed",
              "Wait for the change that GET /v1/accounts/{id}/key_changes shows open.",
              Retry.AFTER_DELAY, 5),
    ErrorCode("key_disabled", 409, "The key is disabled for good",
              "On EVM networks rotate it; an Algorand account whose key is disabled has no way "
              "back.", Retry.AFTER_REMEDIATION),
    ErrorCode("key_in_use", 409, "The key is still in use",
              "Rotate or move it first, or disable the account, if that is meant.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("passphrase_not_offered", 422, "Accounts here are derived from no passphrase",
              "Nothing is needed: a worker has the accounts' keys made."),
    ErrorCode("no_passphrase_awaited", 409, "No account waits for a passphrase",
              "Nothing needs to be done: GET /v1/accounts tells which keys there are."),
    ErrorCode("passphrase_is_password", 422, "The passphrase is the password that logs in",
              "Choose another passphrase: an account's address lets anybody try passwords against "
              "it."),
    ErrorCode("passphrase_differs", 409, "The accounts are derived from another passphrase",
              "Give the passphrase and the slot that were given first.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("import_not_offered", 503, "The custodian takes in no keys made elsewhere",
              "Ask the operator for a custodian that does, or for accounts whose keys it makes.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("custodian_unchanged", 422, "The key is at that custodian already",
              "Name another custodian, or rotate the key where it is."),
    ErrorCode("address_not_ruled", 409, "The address does not obey the account's own key",
              "Rekey it to the address that `detail` names, wait for the block, and ask again.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("rekey_not_offered", 422, "These networks know no rekeying",
              "Rotate the key: the account gets another address."),
    ErrorCode("custodian_not_offered", 422, "The key is not at that custodian",
              "Leave `custodian` out, name the one of the issuing account, or have an address "
              "added there first (POST /v1/accounts/{id}/key_changes)."),
    ErrorCode("custodian_not_configured", 503, "The custodian is not set up here",
              "Ask the operator to configure the custodian that holds the signer's key.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("curve_not_offered", 422, "The custodian cannot sign for this network",
              "Choose an account whose custodian offers the network's curve."),
    ErrorCode("message_too_long", 422, "The custodian does not sign that much at once",
              "Name a custodian that does (`custodian`), or choose a shorter kind of token."),
    ErrorCode("network_not_ready", 503, "The network is not ready for deployments",
              "Ask the operator to set up the treasury of this network.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("treasury_empty", 503, "The treasury cannot pay for this now",
              "Ask the operator to send the treasury what `detail` names; once a worker has seen "
              "it (`tallystick treasury list`), repeat with a new Idempotency-Key.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("network_budget_exhausted", 403, "The day's budget on this network is used up",
              "Wait for the next day (UTC), or until what is under way has cost less than it might"
              " have; then repeat with a new Idempotency-Key.", Retry.AFTER_COOLDOWN, 3600),
    ErrorCode("deployment_would_revert", 422, "The chain refuses this token",
              "Look at `detail` for the chain's reason and change the token."),
    ErrorCode("invalid_order", 422, "The order has faults",
              "Compare it with the schema that GET /v1/token_kinds has for the action."),
    ErrorCode("order_would_revert", 422, "The chain refuses what is ordered of this token",
              "Look at `detail` for the chain's reason: the cap, the balance, or a token that is "
              "paused; nothing was sent."),
    ErrorCode("too_late_to_cancel", 409, "It is too late to cancel",
              "Watch it: it may take effect at any moment, and tells how it ends."),
    ErrorCode("outcome_open", 409, "What was signed before could still take effect",
              "Try again in a few minutes: once that is impossible, it can be cancelled.",
              Retry.AFTER_DELAY, 60),
    ErrorCode("token_not_issued", 409, "This token does not exist yet",
              "Wait until its deployment is Completed, then repeat with a new Idempotency-Key.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("token_gone", 410, "The token is not on its network any more",
              "Look at its operations and at the network: somebody with the power to manage it "
              "may have destroyed it."),
    ErrorCode("action_not_offered", 422, "Tokens of this kind cannot do that",
              "Choose one of the actions that GET /v1/token_kinds lists for its kind."),
    ErrorCode("not_endable", 409, "This operation cannot be ended by a person",
              "End only what has a step on chain and no transaction under way, or a hand-over of "
              "which nothing was sent."),
    ErrorCode("not_retryable", 409, "This cannot be tried again",
              "Ask for a new one if this one failed and its history says so."),
    ErrorCode("evidence_not_ready", 409, "It is not over yet",
              "Ask for the evidence once the deployment is Completed, Failed or Cancelled; its "
              "event stream ends then.", Retry.AFTER_DELAY, 5),
    ErrorCode("evidence_archived", 410, "Its events have left the database",
              "Use the evidence that you have, or ask the operator for the archive of that month.",
              Retry.NEVER),
    ErrorCode("event_archived", 410, "The event has left the database",
              "Ask the operator for its proof: `tallystick audit prove` makes it from the archive "
              "of that month.", Retry.NEVER),
    ErrorCode("evidence_damaged", 500, "What is recorded is not what was sealed",
              "Keep every receipt, proof and evidence that you have, and have the operator run "
              "`tallystick verify audit`.", Retry.AFTER_CONFIGURATION),
)

_INSTALLATION = (
    ErrorCode("internal_error", 500, "Something went wrong here",
              "Repeat the request with the same Idempotency-Key; if it fails again, give the "
              "operator the request_id.", Retry.AFTER_DELAY, 5),
    ErrorCode("storage_unavailable", 503, "The database does not answer",
              "Repeat the same request, with the same Idempotency-Key, after the delay.",
              Retry.AFTER_DELAY, 2),
    ErrorCode("busy", 503, "Too many log-ins at once",
              "Repeat the request after the delay; nothing was counted against you.",
              Retry.AFTER_DELAY, 2),
    ErrorCode("node_unavailable", 503, "The network's nodes do not answer",
              "Try again after the delay; nothing was done.", Retry.AFTER_DELAY, 5),
    ErrorCode("network_halted", 503, "The network is halted",
              "Wait for the operator: nothing is signed until a person has looked.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("custodian_unavailable", 503, "The key custodian does not answer",
              "Try again after the delay; nothing was done.", Retry.AFTER_DELAY, 5),
    ErrorCode("not_ready", 503, "This process is not ready",
              "Look at `errors` for what is missing; it is asked again at every call.",
              Retry.AFTER_DELAY, 5),
)

_OPERATOR = (
    ErrorCode("invalid_amount", 400, "Credits are given in positive whole numbers",
              "Give at least one credit."),
    ErrorCode("unknown_tariff", 400, "The catalogue has no such tariff",
              "Name one of those in `detail`, or add it to the catalogue's file and restart."),
    ErrorCode("invalid_rate", 400, "This is no rate of a coin",
              "Give the price of one whole coin, its currency (ISO 4217), its source, and an "
              "instant that has passed and has no rate yet."),
    ErrorCode("reason_missing", 400, "A reason is needed",
              "Say why: it is kept with the audit event."),
    ErrorCode("legal_hold", 409, "A legal hold keeps it",
              "Lift the hold that `detail` names, once whoever asked for it agrees, and repeat. "
              "Where its row says that it was lifted, or is gone, `tallystick verify audit` names "
              "it (`hold_differs`): it holds until the trail says that it was lifted.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("already_granted", 409, "The reference was granted before",
              "Nothing needs to be done; use another reference to give more."),
    ErrorCode("reference_used", 409, "The reference was used before",
              "Nothing needs to be done; use another reference to do it again."),
    ErrorCode("log_is_open", 409, "A log is open",
              "Go on with it; or close it, where a restored backup has lost what it had sealed.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("number_not_given", 409, "No event ever had the number",
              "Name a missing number: `tallystick seal --once` tells them."),
    ErrorCode("number_not_missing", 409, "An event has the number",
              "Nothing needs to be done."),
    ErrorCode("number_sealed", 409, "An event with the number was sealed",
              "Restore it from a backup, an export or an archive: it was not nothing."),
    ErrorCode("log_not_open", 409, "No log is open",
              "Open one: `tallystick seal open --reason …`.", Retry.AFTER_REMEDIATION),
    ErrorCode("key_differs", 409, "This is not the log's key",
              "Configure the key that the log was opened with, or open a new log.",
              Retry.AFTER_CONFIGURATION),
    ErrorCode("key_refused", 409, "The custodian refuses the log's key",
              "See why; a key that is gone needs a new log.", Retry.AFTER_CONFIGURATION),
    ErrorCode("another_root", 409, "What was signed for is not what the database has now",
              "Find out who changed it before anything else; docs/sealing.md says how to go on.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("nothing_to_anchor", 409, "There is no checkpoint yet",
              "Run `tallystick seal`, which signs them.", Retry.AFTER_REMEDIATION),
    ErrorCode("no_treasury", 409, "The network has no treasury",
              "Make one: `tallystick treasury create --network …`.", Retry.AFTER_REMEDIATION),
    ErrorCode("month_is_hot", 409, "The month stays in the database for now",
              "Wait until it is older than the setting says.", Retry.AFTER_CONFIGURATION),
    ErrorCode("month_is_kept", 409, "The month is kept for now",
              "Wait until it is older than the setting says.", Retry.AFTER_CONFIGURATION),
    ErrorCode("month_not_prepared", 409, "The month has no partition of its own",
              "It stays in the database; let the worker prepare months before they begin."),
    ErrorCode("month_changed", 409, "The month is not as it was archived",
              "Find out who wrote into it: `tallystick verify audit`.", Retry.AFTER_REMEDIATION),
    ErrorCode("earlier_month_is_hot", 409, "An earlier month is in the database still",
              "Archive and drop months in their order.", Retry.AFTER_REMEDIATION),
    ErrorCode("not_archived", 409, "The month is not archived",
              "Archive it first: `tallystick audit archive`.", Retry.AFTER_REMEDIATION),
    ErrorCode("not_sealed", 409, "The archive's own event is not sealed yet",
              "Repeat after the next checkpoint.", Retry.AFTER_DELAY, 60),
    ErrorCode("not_dropped", 409, "The month is in the database still",
              "Archive and drop it first.", Retry.AFTER_REMEDIATION),
    ErrorCode("archive_unreadable", 409, "The archive cannot be read, or is not as it was written",
              "Put the files back, as `detail` says; nothing was dropped.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("nothing_to_hold", 400, "A legal hold needs a duration",
              "Give an end that comes after the beginning, or none."),
    ErrorCode("malformed_subject", 400, "A legal hold is on an id",
              "Name the subject by its public id (`usr_…`, `mem_…`, `dep_…`), and not in clear."),
    ErrorCode("hold_lifted", 409, "The legal hold was lifted before",
              "Nothing needs to be done; place another one to hold it again."),
)



def _fault(code: str, title: str, remediation: str) -> ErrorCode:
    return ErrorCode(code, 400, title, remediation)


_FIELDS = (
    _fault("missing", "A required field is missing",
           "Add the field."),
    _fault("unknown_field", "The field is not known here",
           "Remove it, or correct its name; unknown fields are never ignored."),
    _fault("duplicate_field", "The field is there twice",
           "Send it once."),
    _fault("wrong_type", "The value has the wrong type",
           "Send the type that `message` names; amounts are strings of decimal digits."),
    _fault("too_short", "The value is too short",
           "Send at least what `message` says."),
    _fault("too_long", "The value is too long",
           "Send at most what `message` says."),
    _fault("too_deep", "The body is nested too deeply",
           "Send a flatter body."),
    _fault("invalid_date", "The text is not a day",
           "Send year, month and day: 2026-11-21."),
    _fault("too_many", "There are too many entries",
           "Send at most what `message` says."),
    _fault("out_of_range", "The value is out of its range",
           "Stay within the range that `message` names."),
    _fault("control_character", "The text has invisible characters",
           "Remove control characters, formatting characters and broken Unicode."),
    _fault("surrounding_blank", "The text begins or ends with a blank",
           "Remove the blank."),
    _fault("not_normalized", "The text is not in its normal form",
           "Send Unicode normalisation form C."),
    _fault("not_printable_ascii", "The text is not printable ASCII",
           "Use the characters from space to tilde only."),
    _fault("not_offered", "The value is not offered here",
           "Use one that `message` names."),
    _fault("conflicting_fields", "Two fields exclude each other",
           "Send one of the two."),
    _fault("invalid_id", "The text is not an id of that kind",
           "Copy the id as this API gave it; `message` names its prefix."),
    _fault("invalid_hash", "The text is not a hash",
           "Send 64 hexadecimal digits in lower case."),
    _fault("invalid_instant", "The text is not an instant",
           "Send RFC 3339 with a zone, like 2026-11-20T12:00:00Z."),
    _fault("invalid_month", "The text is not a month",
           "Send year and month, like 2026-11."),
    _fault("not_money", "The text is not an amount of that currency",
           "Send whole units as a decimal in a string, with no more digits behind the point than "
           "the currency has."),
    _fault("invalid_cursor", "The cursor is not one of this list",
           "Use next_cursor of the page before as it is, or start again without one."),
    _fault("invalid_email", "The text is not an e-mail address",
           "Send an address like name@example.com."),
    _fault("weak_password", "The password is too easy to guess",
           "Choose a longer one; a few random words are good."),
    _fault("invalid_name", "The name cannot be used",
           "Use 1 to 100 characters, none of them invisible."),
    _fault("invalid_url", "The text is not a URL that can be used here",
           "Send an https:// or ipfs:// URL, percent-encoded, that is no gateway's."),
    _fault("invalid_integrity", "The text is not an integrity digest",
           "Send sha256- and the 32 bytes of the file's SHA-256 in base64."),
    _fault("invalid_media_type", "The text is not a media type that can be used here",
           "Send a type like image/png, without parameters."),
    _fault("invalid_color", "The text is not a colour",
           "Send six hexadecimal digits without #."),
    _fault("invalid_base64", "The text is not base64",
           "Send standard base64 with its padding."),
    _fault("invalid_locale", "The text is not a locale that can be used here",
           "Send a locale like en or pt-BR; `message` says where it must be listed."),
    _fault("not_an_amount", "The text is not an amount",
           "Send base units as decimal digits in a string, without sign, point or leading zero."),
    _fault("not_an_address", "The text is not an address on this network",
           "Copy the address again; a checksum tells when a digit is wrong."),
    _fault("unknown_network", "The network is not known here",
           "Use an id of GET /v1/networks."),
    _fault("unknown_kind", "The kind is not offered on this network",
           "Use a kind of GET /v1/token_kinds that lists the network."),
)

_AUDIT = (
    ErrorCode("exports_not_configured", 503, "Nothing is exported here",
              "Tell the operator that [exports] folder is to be set.", Retry.AFTER_CONFIGURATION),
    ErrorCode("too_many_exports", 429, "Too many exports are under way",
              "Wait until one of them is finished.", Retry.AFTER_COOLDOWN, 60),
    ErrorCode("export_not_ready", 409, "The export is under way",
              "Ask for the export until its state is finished.", Retry.AFTER_DELAY, 5),
    ErrorCode("export_expired", 410, "The export's files are gone",
              "Ask for a new export."),
    ErrorCode("files_unavailable", 503, "The files cannot be read now",
              "Repeat the request a little later.", Retry.AFTER_DELAY, 5),
)

_WEBHOOKS = (
    ErrorCode("webhook_url_refused", 422, "Nothing is sent to this URL",
              "Name an https:// URL on the public internet, without a user or a fragment; "
              "`detail` says what is in the way."),
    ErrorCode("webhook_url_unresolved", 422, "The URL's name leads nowhere",
              "Check the host's name and that it is in the DNS, then repeat with a new "
              "Idempotency-Key.", Retry.AFTER_REMEDIATION),
    ErrorCode("too_many_webhook_endpoints", 409, "There are enough endpoints",
              "Delete one that is not needed any more.", Retry.AFTER_REMEDIATION),
    ErrorCode("too_many_webhook_secrets", 409, "Old secrets still sign",
              "Wait until one of them is over; GET on the endpoint says when.",
              Retry.AFTER_REMEDIATION),
    ErrorCode("webhook_endpoint_disabled", 409, "The endpoint is disabled",
              "Enable it with POST /v1/webhook_endpoints/{id}/enable.", Retry.AFTER_REMEDIATION),
)

# fmt: on
#: Headings of the documentation page, in its order.
SECTIONS: Mapping[str, tuple[ErrorCode, ...]] = {
    "Requests": _REQUESTS,
    "Access": _ACCESS,
    "Credits": _CREDITS,
    "Audit": _AUDIT,
    "Webhooks": _WEBHOOKS,
    "Paying": _BILLING,
    "Deployments": _DEPLOYMENTS,
    "The installation": _INSTALLATION,
    "The operator's commands": _OPERATOR,
    "Fields": _FIELDS,
}

ERROR_CODES: Mapping[str, ErrorCode] = {
    each.code: each for section in SECTIONS.values() for each in section
}
