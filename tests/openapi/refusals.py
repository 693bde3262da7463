"""What well-formed requests may be refused for: rules that no JSON Schema can say.

A schema tells forms.  It knows neither what there is in an installation, nor what is good for how
long, nor what one field means for another.
"""

from collections.abc import Mapping

#: By code, why the description of a body or a query cannot say it.
WHY: Mapping[str, str] = {
    "account_locked": "somebody has tried too many passwords, and it passes",
    "action_not_offered": "which actions there are depends on the token",
    "conflicting_fields": "what excludes another depends on whose id it has, or is a parameter",
    "control_character": "invisible letters beyond the basic plane every dialect of regular "
    "expressions writes in its own way",
    "curve_not_offered": "which custodians can sign what is configured",
    "custodian_not_offered": "which custodians there are is configured",
    "custodian_unchanged": "where the account's key is now",
    "exceeds_hold": "how much was held",
    "expiry_in_the_past": "what time it is",
    "gift_to_self": "who gives",
    "insufficient_credits": "how many credits there are",
    "invalid_cursor": "a cursor is a word of the page before",
    "invalid_email": "not every address of that form is one that mail can be sent to",
    "invalid_instant": "RFC 3339 has leap seconds, and spans that end before they begin",
    "invalid_mail_token": "the token is in a letter, and good once",
    "invalid_name": "a name has something that is seen",
    "invalid_order": "what the token's state allows",
    "item_not_sold": "what is sold is in the catalogue",
    "member_not_found": "who is a member",
    "missing": "which parameters an action needs its kind says",
    "no_passphrase_awaited": "what the installation derives is configured",
    "not_money": "a currency has so many digits and no more",
    "not_offered": "which networks there are is configured",
    "out_of_range": "a span has so many days and no more",
    "passphrase_is_password": "what one's password is",
    "passphrase_not_offered": "what the installation derives is configured",
    "plan_changed": "the hash of a plan is of one request",
    "rekey_not_offered": "what the account's network can do",
    "spending_blocked": "somebody has asked for too much too often, and it passes",
    "too_many_credits": "what an operation costs is in the catalogue",
    "too_much_output": "what an operation may put out is in the catalogue",
    "unknown_field": "which parameters an action has its kind says",
    "unknown_network": "which networks there are is configured",
    "unknown_operation": "which metered operations there are is in the catalogue",
    "weak_password": "how easily a password is guessed",
    "webhook_url_refused": "a name's address may be a private one",
    "webhook_url_unresolved": "a name leads somewhere or does not",
}

_PAGES = (
    "list_key_changes", "list_api_keys", "list_checkpoints", "list_audit_events", "list_exports",
    "list_invoices", "list_gifts", "list_grants", "list_journal", "list_deployments",
    "list_deployment_audit_events", "list_events", "list_operation_audit_events", "list_tokens",
    "list_operations", "list_webhook_deliveries", "list_accounts", "list_account_balances",
    "list_audit_keys", "list_identities", "list_sessions", "list_members", "list_invitations",
    "list_networks", "list_organisations", "list_quotas", "list_teams", "list_token_kinds",
    "list_webhook_endpoints", "get_deployment_history", "get_operation_history",
)  # fmt: skip
_TOKENS = frozenset({"unknown_network", "custodian_not_offered", "not_money", "plan_changed"})

#: By operation.
MAY_REFUSE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_PAGES, frozenset({"invalid_cursor"})),
    "list_audit_events": frozenset({"invalid_cursor", "invalid_instant"}),
    "adopt_address": frozenset({"rekey_not_offered", "unknown_network"}),
    "accept_invitation": frozenset({"invalid_mail_token"}),
    "capture_usage_hold": frozenset({"exceeds_hold"}),
    "change_keys": frozenset({
        "custodian_unchanged", "custodian_not_offered", "curve_not_offered", "rekey_not_offered",
    }),
    "change_password": frozenset({"account_locked", "weak_password"}),
    "change_team": frozenset({"member_not_found"}),
    "change_webhook_endpoint": frozenset({"webhook_url_refused", "webhook_url_unresolved"}),
    "choose_custodian": frozenset({"custodian_not_offered"}),
    "create_api_key": frozenset({"expiry_in_the_past", "invalid_instant", "not_offered"}),
    "create_checkout": frozenset({"item_not_sold"}),
    "create_deployment": _TOKENS,
    "create_export": frozenset({"invalid_instant"}),
    "create_operation": frozenset({
        "action_not_offered", "invalid_order", "missing", "unknown_field",
    }),
    "create_team": frozenset({"member_not_found"}),
    "create_usage_hold": frozenset({
        "unknown_operation", "too_many_credits", "too_much_output", "insufficient_credits",
        "spending_blocked",
    }),
    "list_events": frozenset({"conflicting_fields", "invalid_cursor"}),
    "create_webhook_endpoint": frozenset({"webhook_url_refused", "webhook_url_unresolved"}),
    "derive_accounts": frozenset({
        "account_locked", "passphrase_is_password", "passphrase_not_offered", "weak_password",
    }),
    "give_up_passphrase": frozenset({"no_passphrase_awaited"}),
    "get_state_as_of": frozenset({"invalid_instant"}),
    "get_usage": frozenset({"out_of_range"}),
    "invite_member": frozenset({"invalid_email"}),
    "log_in": frozenset({"account_locked"}),
    "plan_deployment": _TOKENS,
    "register": frozenset({"invalid_email", "invalid_name", "weak_password"}),
    "replay_webhook_events": frozenset({"invalid_instant"}),
    "reset_password": frozenset({"invalid_mail_token", "weak_password"}),
    "send_gift": frozenset({
        "conflicting_fields", "gift_to_self", "insufficient_credits", "member_not_found",
    }),
    "start_linking": frozenset({"account_locked"}),
    "verify_address": frozenset({"invalid_mail_token", "account_locked"}),
}  # fmt: skip

#: Of every operation.
ANYWHERE = frozenset({"control_character"})
