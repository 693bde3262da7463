"""What the domain promises, refused a second time by the schema: raw SQL, as a superuser."""

import psycopg
import pytest
from psycopg.errors import IntegrityError, UniqueViolation

SUBMITTED = "organisation_id = %(organisation)s AND id = %(submitted)s"
WAITING = "organisation_id = %(organisation)s AND id = %(waiting)s"
ITS_SLOTS = "organisation_id = %(organisation)s AND operation_id = %(submitted)s"

BROKEN = {
    "what_is_finished_has_a_manifest": """
        INSERT INTO exports (organisation_id, id, format, requested_by, requested_at,
                             last_sequence, state, total, written)
        VALUES (%(organisation)s, gen_random_uuid(), 'csv', 'mem_1', now(), 1, 'finished', 0,
                0)""",
    "what_is_finished_is_whole": """
        INSERT INTO exports (organisation_id, id, format, requested_by, requested_at,
                             last_sequence, state, total, written, digest, event_id, finished_at,
                             expires_at)
        VALUES (%(organisation)s, gen_random_uuid(), 'csv', 'mem_1', now(), 1, 'finished', 2, 1,
                sha256(''), gen_random_uuid(), now(), now())""",
    "a_part_has_a_place_in_the_trail": """
        INSERT INTO export_parts (organisation_id, export_id, number, name, bytes, sha256, events,
                                  first_sequence, last_sequence)
        VALUES (%(organisation)s, gen_random_uuid(), 1, 'part', 1, sha256(''), 1, 2, 1)""",
    "an_origin_is_known": """
        UPDATE accounts SET origin = 'guessed'""",
    "a_trace_is_written_as_w3c_says": """
        UPDATE operations SET traceparent = '00-' || repeat('A', 32) || '-' || repeat('b', 16)
                                            || '-01'""",
    "one_user_per_subject": """
        INSERT INTO identities
        SELECT users.id, gen_random_uuid(), 'https://other.example', sha256('same'), now()
          FROM users LIMIT 2""",
    "what_is_unlinked_is_forgotten": """
        INSERT INTO identities
        SELECT users.id, gen_random_uuid(), 'https://login.example', sha256('kept'), now(), now()
          FROM users LIMIT 1""",
    "who_links_is_logged_in": """
        INSERT INTO sign_in_flows (organisation_id, id, secret_hash, issuer, user_id, started_at,
                                   expires_at)
        VALUES (%(organisation)s, gen_random_uuid(), sha256(''), 'https://login.example',
                gen_random_uuid(), now(), now())""",
    "a_budget_owes_nothing": """
        UPDATE native_budgets SET reserved = -1""",
    "a_reservation_is_of_an_operation": """
        INSERT INTO native_reservations
        SELECT organisation_id, gen_random_uuid(), number, network, day, amount, spent
          FROM native_reservations LIMIT 1""",
    "a_reservation_is_of_a_budget": """
        INSERT INTO native_reservations
        SELECT organisation_id, operation_id, number + 1, network, day + 1, amount, 1
          FROM native_reservations LIMIT 1""",
    "an_operation_has_one_reservation": """
        INSERT INTO native_reservations
        SELECT organisation_id, operation_id, number + 1, network, day, amount, NULL
          FROM native_reservations LIMIT 1""",
    "a_balance_was_seen_at_a_time": """
        UPDATE signers SET balance = 1""",
    "a_balance_has_a_level": """
        UPDATE signers SET balance = 1, balance_level = 'rich', balance_seen_at = now()""",
    "further_keys_are_a_list": """
        UPDATE accounts SET further_keys = '{}'""",
    "a_key_change_is_of_an_account": """
        UPDATE key_changes SET account_id = gen_random_uuid()""",
    "what_is_under_way_has_its_key": """
        UPDATE key_changes SET state = 'under_way'""",
    "an_ended_change_says_when": """
        UPDATE key_changes SET state = 'completed'""",
    "a_failed_change_says_why": """
        UPDATE key_changes SET state = 'failed', ended_at = now()""",
    "an_approval_is_of_an_operation": """
        UPDATE approvals SET operation_id = gen_random_uuid()""",
    "nobody_approves_what_they_asked_for": """
        UPDATE approvals SET verdict = 'approved', decided_by = asked_by, decided_at = now()""",
    "a_verdict_is_somebodys": """
        UPDATE approvals SET verdict = 'rejected'""",
    "what_is_enabled_was_not_disabled": """
        UPDATE webhook_endpoints SET disabled_because = 'gone', disabled_at = now()""",
    "a_scheme_is_one_of_two": """
        UPDATE webhook_endpoints SET scheme = 'v2'""",
    "one_secret_is_the_newest": """
        INSERT INTO webhook_secrets
        SELECT organisation_id, endpoint_id, number + 1, wrapping, ciphertext, now()
          FROM webhook_secrets""",
    "a_number_is_given_once": """
        INSERT INTO webhook_deliveries
        SELECT organisation_id, endpoint_id, gen_random_uuid(), number, way, event_id, sequence,
               event_type, subject, body, created_at, state, attempts
          FROM webhook_deliveries""",
    "what_is_pending_is_not_over": """
        UPDATE webhook_deliveries SET state = 'pending', finished_at = now()""",
    "what_was_delivered_was_answered": """
        UPDATE webhook_deliveries SET state = 'delivered', finished_at = now(),
                                      last_status = 500""",
    "an_attempt_has_one_end": """
        UPDATE webhook_attempts SET error = 'timeout', status = 500""",
    "what_is_sealed_names_its_key": """
        INSERT INTO letters (organisation_id, id, kind, written_at, expires_at, state, due_at,
                             ciphertext)
        VALUES (%(organisation)s, gen_random_uuid(), 'verify', now(), now(), 'queued', now(),
                '')""",
    "what_is_queued_is_due": """
        INSERT INTO letters (organisation_id, id, kind, written_at, expires_at, state)
        VALUES (%(organisation)s, gen_random_uuid(), 'verify', now(), now(), 'queued')""",
    "a_quota_is_for_somebody": """
        INSERT INTO quotas (organisation_id, subject_kind, subject_id, quota_window, set_at)
        VALUES (%(organisation)s, 'lot', gen_random_uuid(), 'day', now())""",
    "a_quota_has_a_window": """
        INSERT INTO quotas (organisation_id, subject_kind, subject_id, quota_window, set_at)
        VALUES (%(organisation)s, 'mem', gen_random_uuid(), 'hour', now())""",
    "a_destroyed_key_is_gone": """
        INSERT INTO subject_keys (user_id, wrapping, ciphertext, made_at, destroyed_at)
        VALUES (gen_random_uuid(), 'w', '', now(), now())""",
    "what_was_dropped_says_when": """
        INSERT INTO archives (month, state, manifest, events, lines, event_id, archived_at)
        VALUES ('2026-01-01', 'dropped', '', 0, 0, gen_random_uuid(), now())""",
    "what_was_deleted_is_certified": """
        INSERT INTO archives (month, state, manifest, events, lines, event_id, archived_at,
                              dropped_at, deleted_at)
        VALUES ('2026-01-01', 'deleted', '', 0, 0, gen_random_uuid(), now(), now(), now())""",
    "a_hold_has_a_duration": """
        INSERT INTO legal_holds (organisation_id, id, since, until, reason, placed_at)
        VALUES (%(organisation)s, gen_random_uuid(), now(), now(), 'r', now())""",
    "what_was_lifted_says_why": """
        INSERT INTO legal_holds (organisation_id, id, reason, placed_at, lifted_at)
        VALUES (%(organisation)s, gen_random_uuid(), 'r', now(), now())""",
    "an_email_belongs_to_one_user": """
        INSERT INTO users SELECT gen_random_uuid(), email, '', now() FROM users LIMIT 1""",
    "a_user_is_one_member": """
        INSERT INTO members SELECT organisation_id, gen_random_uuid(), user_id, role, now()
          FROM members LIMIT 1""",
    "a_session_acts_for_a_member": """
        UPDATE sessions SET organisation_id = %(stranger)s WHERE id = %(session)s""",
    "a_key_is_made_by_a_member": """
        UPDATE api_keys SET created_by = gen_random_uuid()""",
    "one_account_per_family_and_mode": """
        INSERT INTO accounts (organisation_id, id, family, live, custodian, state, created_at)
        SELECT organisation_id, gen_random_uuid(), family, live, custodian, state, now()
          FROM accounts WHERE id = %(account)s""",
    "a_ready_account_has_its_key": """
        UPDATE accounts SET state = 'ready'""",
    "a_public_key_has_a_curve": """
        UPDATE accounts SET public_key = ''""",
    "a_final_block_has_a_hash": """
        UPDATE networks SET final_number = 1""",
    "a_wallet_is_never_overdrawn": """
        UPDATE wallets SET available = -1""",
    "what_is_held_was_available": """
        UPDATE wallets SET held = -1""",
    "a_fact_grants_once": """
        INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, effective_at,
                          fact)
        SELECT organisation_id, gen_random_uuid(), source, priority, amount, remaining,
               effective_at, fact
          FROM lots LIMIT 1""",
    "a_lot_has_no_more_than_it_had": """
        UPDATE lots SET remaining = -1""",
    "a_credit_is_in_one_place": """
        UPDATE lots SET lapsed = amount - remaining + 1""",
    "no_more_is_taken_back_than_was_granted": """
        UPDATE lots SET clawed_back = amount + 1""",
    "what_is_owed_is_not_negative": """
        UPDATE wallets SET debt = -1""",
    "no_more_is_corrected_than_was_captured": """
        UPDATE holds SET corrected = 1""",
    "no_more_is_captured_than_was_held": """
        UPDATE holds SET state = 'captured', captured = amount + 1, closed_at = now()""",
    "only_a_capture_captures": """
        UPDATE holds SET captured = 1""",
    "a_closed_hold_says_when": """
        UPDATE holds SET state = 'released'""",
    "a_posting_moves_between_two_accounts": """
        INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action, actor)
        VALUES (%(organisation)s, 99, now(), 'held', 'held', 1, 'credits.held', 'mem_1')""",
    "an_event_happens_once": """
        INSERT INTO audit_events
               (organisation_id, sequence, id, at, action, subject, live, salt, body)
        SELECT organisation_id, 99, id, at, action, subject, live, salt, body
          FROM audit_events LIMIT 1""",
    "an_operation_has_its_networks_mode": f"""
        INSERT INTO operations (organisation_id, id, kind, network, live, requested_by, payer,
                                sender, fee_ceiling, credits, accepted_at, state, due_at)
        SELECT organisation_id, gen_random_uuid(), kind, network, NOT live, requested_by, payer,
               sender, fee_ceiling, credits, accepted_at, state, due_at
          FROM operations WHERE {WAITING}""",
    "a_deployment_is_an_operation": f"""
        UPDATE deployments SET live = true, account_id = NULL WHERE {WAITING}""",
    "a_deployment_has_its_accounts_mode": f"""
        UPDATE deployments SET account_id = gen_random_uuid() WHERE {WAITING}""",
    "an_order_is_about_a_token": f"""
        UPDATE deployments SET order_action = 'mint' WHERE {WAITING}""",
    "an_order_is_about_its_organisations_token": f"""
        UPDATE deployments
           SET of_id = gen_random_uuid(), order_action = 'mint', order_parameters = '{{}}'
         WHERE {WAITING}""",
    "an_operation_is_paid_by_its_organisation": f"""
        UPDATE operations SET hold_id = gen_random_uuid() WHERE {WAITING}""",
    "a_client_reference_is_used_once": """
        UPDATE deployments SET client_reference = 'order-1'
         WHERE organisation_id = %(organisation)s""",
    "completed_has_a_token": f"""
        UPDATE operations SET state = 'Completed', due_at = NULL WHERE {SUBMITTED}""",
    "failed_has_a_reason": f"""
        UPDATE operations SET state = 'Failed', due_at = NULL WHERE {SUBMITTED}""",
    "what_is_open_is_due": f"""
        UPDATE operations SET due_at = NULL WHERE {SUBMITTED}""",
    "a_lease_has_an_end": f"""
        UPDATE operations SET lease_token = gen_random_uuid() WHERE {SUBMITTED}""",
    "what_is_submitted_has_an_attempt": f"""
        UPDATE operations SET state = 'Submitted' WHERE {WAITING}""",
    "what_is_confirmed_has_only_final_steps": f"""
        UPDATE operations SET state = 'Confirmed', result = '0x1' WHERE {SUBMITTED}""",
    "cancelled_has_no_slot_in_which_it_could_land": f"""
        UPDATE operations SET state = 'Cancelled', due_at = NULL WHERE {SUBMITTED}""",
    "failed_without_effect_has_no_open_slot": f"""
        UPDATE operations
           SET state = 'Failed', due_at = NULL, failure_reason = 'TRANSACTION_REVERTED',
               failure_without_effect = true, failure_detail = ''
         WHERE {SUBMITTED}""",
    "an_inclusion_is_complete": """
        UPDATE steps SET included_block = 1""",
    "a_final_step_succeeded": """
        UPDATE steps SET is_final = true""",
    "slot_is_a_nonce_or_a_lease": f"""
        UPDATE slots SET sequence = NULL WHERE {ITS_SLOTS}""",
    "a_lease_has_a_window": f"""
        UPDATE slots SET sequence = NULL, lease = '' WHERE {ITS_SLOTS}""",
    "one_open_slot_per_step": f"""
        INSERT INTO slots (organisation_id, operation_id, step_number, number, network, signer,
                           sequence, state, is_adopted)
        SELECT organisation_id, operation_id, step_number, number + 1, network, signer,
               sequence + 1000, state, is_adopted
          FROM slots WHERE {ITS_SLOTS}""",
    "a_nonce_is_given_once": f"""
        INSERT INTO slots (organisation_id, operation_id, step_number, number, network, signer,
                           sequence, state, is_adopted)
        SELECT organisation_id, operation_id, step_number, number + 1, network, signer,
               sequence, 'spent', is_adopted
          FROM slots WHERE {ITS_SLOTS}""",
    "what_we_signed_we_can_send_again": f"""
        UPDATE attempts SET raw = NULL WHERE {ITS_SLOTS}""",
    "a_document_is_found_under_its_content": """
        INSERT INTO documents (digest, content) VALUES (sha256('one'), 'another')""",
    "a_document_fits_into_one_block": """
        INSERT INTO documents (digest, content)
        SELECT sha256(content), content
          FROM (SELECT convert_to(repeat('x', 262145), 'UTF8') AS content) AS long""",
    "a_watch_is_of_its_organisations_deployment": """
        UPDATE token_watches SET live = NOT live""",
    "differences_are_a_list": """
        UPDATE token_watches SET differences = '{}', checked_at = now()""",
    "what_is_watched_has_a_period": """
        UPDATE wallets SET watch_granted = 1, watch_since = NULL""",
    "one_quota_per_window": """
        INSERT INTO quotas SELECT * FROM quotas LIMIT 1""",
    "nobody_gives_to_themselves": """
        UPDATE quota_shifts SET receiver = giver""",
    "a_gift_is_for_others": """
        UPDATE gifts SET other_id = organisation_id""",
    "what_was_received_was_delivered": """
        UPDATE gifts SET direction = 'received'""",
    "a_closed_gift_says_when": """
        UPDATE gifts SET state = 'delivered'""",
    "what_was_told_was_seen": """
        UPDATE token_watches SET differences = '["supply"]'""",
    "a_look_has_an_end": """
        UPDATE token_watches SET lease_token = gen_random_uuid()""",
    "a_key_may_do_something": """
        UPDATE api_keys SET requests_per_minute = 0""",
    "a_second_has_a_count": """
        UPDATE throttles SET counts = '{}'""",
    "what_was_told_was_told_at_a_time": """
        UPDATE throttles SET told = '{}'""",
    "who_is_blocked_has_failed": """
        UPDATE throttles SET failed_at = NULL""",
    "a_bucket_has_credits": """
        UPDATE spendings SET bucket_credits = '{}'""",
    "an_hour_has_twelve_buckets": """
        UPDATE spendings
           SET bucket_credits = array_fill(1::bigint, ARRAY[13]),
               bucket_starts = array_fill(now(), ARRAY[13])""",
    "who_is_frozen_was_told_of": """
        UPDATE spendings SET alerted_at = NULL, frozen_until = now()""",
    "a_licence_is_in_a_state": """
        UPDATE licences SET told = 'paid'""",
    "a_value_has_its_currency": f"""
        UPDATE deployments SET declared_minor = 1 WHERE {WAITING}""",
    "a_rate_is_told_in_full": """
        UPDATE attempts SET cost = 1, cost_rate = 1""",
    "what_has_a_rate_has_a_cost": """
        UPDATE attempts
           SET cost = NULL, cost_rate = 1, cost_currency = 'USD', cost_rate_source = 'me',
               cost_rate_at = now()""",
    "a_coin_is_worth_something": """
        INSERT INTO rates (network, currency, at, price, source)
        VALUES ('eip155:1', 'USD', now(), 0, 'me')""",
    "a_fee_is_of_a_kind": """
        UPDATE fee_lines SET kind = 'tip'""",
    "a_fee_is_of_its_organisations_deployment": """
        INSERT INTO fee_lines (organisation_id, fact, deployment_id, kind, live, at, currency,
                               amount_minor, basis_points, decimals, costs)
        VALUES (%(organisation)s, 'fee:2', gen_random_uuid(), 'network', false, now(), 'USD', 1,
                0, 0, '[]')""",
    "costs_are_a_list": """
        UPDATE fee_lines SET costs = '{}'""",
    "no_more_is_given_back_than_was_granted": """
        UPDATE paid_periods SET given_back = credits + 1""",
    "a_share_is_of_something": """
        UPDATE fee_lines SET declared_minor = NULL, declared_currency = NULL""",
    "what_is_billed_is_billed_at_a_time": """
        UPDATE fee_lines SET invoice_item = 'ii_1'""",
    "what_has_no_price_is_not_billed": """
        UPDATE fee_lines SET invoice_item = 'ii_1', billed_at = now(), amount_minor = NULL""",
    "evidence_has_its_events": """
        UPDATE evidence_packs SET events = '{}'""",
    "evidence_says_something": """
        UPDATE evidence_packs SET core = ''""",
    "evidence_is_of_its_organisations_operation": """
        UPDATE evidence_packs SET organisation_id = %(stranger)s, sequence = 7
         WHERE organisation_id = %(organisation)s""",
    "a_request_is_done_or_refused": """
        UPDATE idempotency_keys SET refusal = '{}'""",
    "a_customer_is_one_organisations": """
        UPDATE payers SET customer = 'cus_everybodys'""",
    "a_customer_was_bound": """
        UPDATE payers SET bound_at = NULL""",
    "a_subject_is_of_a_kind": """
        UPDATE payment_events SET subject = 'in_1'""",
    "no_more_is_refunded_than_was_paid": """
        UPDATE purchases SET refunded_minor = amount_minor + 1""",
    "only_what_has_ended_is_left": """
        UPDATE subscriptions SET left_at = now()""",
    "a_period_is_of_a_subscription": """
        UPDATE paid_periods SET subscription = 'sub_other'""",
    "a_closed_dispute_has_an_outcome": """
        UPDATE disputes SET closed_at = now()""",
    "what_is_closed_has_a_reason": """
        UPDATE audit_logs SET closed_at = now(), closed_because = NULL""",
    "a_position_has_one_leaf": """
        INSERT INTO audit_leaves (organisation_id, log, sequence, position, event_id, hash)
        SELECT organisation_id, log, sequence + 1000000, position, event_id, hash
          FROM audit_leaves LIMIT 1""",
}


@pytest.mark.parametrize("promise", BROKEN)
def test_the_schema_refuses(url, ada, eve, promise):
    names = {
        "organisation": ada.organisation,
        "stranger": eve.organisation,
        "session": ada.session,
        "account": ada.account,
        "waiting": ada.waiting,
        "submitted": ada.submitted,
    }

    def write():
        with psycopg.connect(url) as connection:
            connection.execute(BROKEN[promise], names)
            # What is deferred breaks here, where the connection is closed whatever happens.
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError) as refused:
        write()
    assert promise in {refused.value.diag.constraint_name, *whole_of(url, refused.value.diag)}


def whole_of(url, diagnosis):
    """The index that the named one is a partition's part of."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT pg_partition_root(to_regclass(%s))::text", [diagnosis.constraint_name]
        ).fetchone()


@pytest.mark.parametrize("hashes", ["substr(hashes, 33)", "sha256('') || substr(hashes, 33)"])
def test_a_tile_only_grows(url, ada, hashes):
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO audit_tiles VALUES (1, 7, 0, decode(repeat('00', 64), 'hex'))"
        )
        connection.execute("UPDATE audit_tiles SET hashes = hashes || sha256('')")
        with pytest.raises(IntegrityError):
            connection.execute(f"UPDATE audit_tiles SET hashes = {hashes}")
        connection.rollback()


def test_one_log_is_open(url, ada, eve):
    with psycopg.connect(url) as connection, pytest.raises(UniqueViolation):
        connection.execute("UPDATE audit_logs SET closed_at = NULL, closed_because = NULL")


def test_every_promise_that_has_a_name_is_tried(url):
    """Names that PostgreSQL makes up begin with the table's."""
    with psycopg.connect(url) as connection:
        named = connection.execute(
            """
            SELECT conname
              FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace
               AND contype IN ('c', 'f', 'u')
               AND conparentid = 0
               AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = conrelid)
               AND NOT starts_with(conname, (SELECT relname FROM pg_class WHERE oid = conrelid))
            """
        ).fetchall()
    assert {name for (name,) in named} <= set(BROKEN)


def test_a_slot_is_not_reopened_after_its_operation_is_over(url, store, ada):
    with psycopg.connect(url) as connection:
        connection.execute(
            f"UPDATE slots SET state = 'spent' WHERE {ITS_SLOTS}",
            {"organisation": ada.organisation, "submitted": ada.submitted},
        )
        connection.execute(
            f"""
            UPDATE operations
               SET state = 'Failed', due_at = NULL, failure_reason = 'TRANSACTION_REVERTED',
                   failure_without_effect = true, failure_detail = ''
             WHERE {SUBMITTED}
            """,
            {"organisation": ada.organisation, "submitted": ada.submitted},
        )
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError) as refused:
            connection.execute(
                f"UPDATE slots SET state = 'open' WHERE {ITS_SLOTS}",
                {"organisation": ada.organisation, "submitted": ada.submitted},
            )
        assert refused.value.diag.constraint_name == "failed_without_effect_has_no_open_slot"
        connection.rollback()


@pytest.mark.parametrize("over", ["captured", "released"])
def test_a_closed_hold_stays_closed(url, store, ada, over):
    del store
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            UPDATE holds SET state = %(over)s::hold_state, closed_at = now(),
                   captured = CASE WHEN %(over)s = 'captured' THEN amount ELSE 0 END
             WHERE organisation_id = %(organisation)s AND state = 'held'
            """,
            {"over": over, "organisation": ada.organisation},
        )
        with pytest.raises(IntegrityError) as refused:
            connection.execute(
                """
                UPDATE holds SET state = 'held', captured = 0, closed_at = NULL
                 WHERE organisation_id = %(organisation)s
                """,
                {"organisation": ada.organisation},
            )
        assert refused.value.diag.constraint_name == "a_closed_hold_stays_closed"
        connection.rollback()


def test_what_is_cancelled_is_never_queued_again(url, store, ada):
    del store
    names = {"organisation": ada.organisation, "waiting": ada.waiting}
    with psycopg.connect(url) as connection:
        connection.execute(
            f"UPDATE operations SET state = 'Cancelled', due_at = NULL, waiting = NULL"
            f" WHERE {WAITING}",
            names,
        )
        with pytest.raises(IntegrityError) as refused:
            connection.execute(
                f"UPDATE operations SET state = 'Queued', due_at = now() WHERE {WAITING}", names
            )
        assert refused.value.diag.constraint_name == "completed_and_cancelled_are_final"
        connection.rollback()


@pytest.mark.parametrize(
    ("promise", "first", "then"),
    [
        (
            "a_fee_that_has_a_price_keeps_it",
            "UPDATE fee_lines SET costs = costs",
            "UPDATE fee_lines SET amount_minor = 1",
        ),
        (
            "a_fee_that_was_charged_stays_charged",
            "UPDATE fee_lines SET invoice_item = 'ii_1', billed_at = now()",
            "UPDATE fee_lines SET invoice_item = NULL, billed_at = NULL",
        ),
        (
            "a_gift_that_has_ended_stays_ended",
            "UPDATE gifts SET state = 'delivered', closed_at = now()",
            "UPDATE gifts SET state = 'under_way', closed_at = NULL",
        ),
    ],
)
def test_what_was_charged_or_given_stays_so(url, store, ada, promise, first, then):
    del store
    names = {"organisation": ada.organisation}
    with psycopg.connect(url) as connection:
        of_it = " WHERE organisation_id = %(organisation)s"
        assert connection.execute(first + of_it, names).rowcount == 1
        # The same at the same instant is no change.
        assert connection.execute(first + of_it, names).rowcount == 1
        with pytest.raises(IntegrityError) as refused:
            connection.execute(then + of_it, names)
        assert refused.value.diag.constraint_name == promise
        connection.rollback()


def test_it_is_looked_up_by_keys_also_where_the_plan_was_made_for_few(url, ada):
    """PostgreSQL keeps plans, and reads all of a table that is small."""
    read = "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname = 'operations'"
    with psycopg.connect(url) as administrator:
        administrator.execute("ANALYZE operations")
        administrator.execute(
            "UPDATE slots SET lease = lease WHERE operation_id = %s", [ada.submitted]
        )
        before = administrator.execute(read).fetchone()
        administrator.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert administrator.execute(read).fetchone() == before
        administrator.rollback()
