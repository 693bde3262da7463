-- The second wall.  `begin(scope)` names the organisation and the user for one transaction; a
-- connection that names none sees nothing.  The scalar subselect is evaluated once per statement
-- and leaves the index usable.  FORCE: the owner of a table is subject to it too.
DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY[
        'api_keys', 'accounts', 'sealed_secrets', 'wallets', 'lots', 'holds', 'hold_lots',
        'journal', 'operations', 'deployments', 'steps', 'slots', 'attempts', 'audit_heads',
        'audit_events', 'outbox', 'idempotency_keys', 'members'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
    END LOOP;
END
$$;

ALTER TABLE organisations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Partitions are reached through their table only: nobody may do anything with them by name.
ALTER TABLE journal_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_events_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON organisations
USING (id = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (id = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

-- Whoever logs in sees what they are a member of.
CREATE POLICY seen_by_its_members ON organisations FOR SELECT
USING (id IN (SELECT organisation_id
                FROM members
               WHERE user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)));

CREATE POLICY seen_by_the_user ON members FOR SELECT
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

CREATE POLICY belongs_to_the_user ON users
USING (id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

CREATE POLICY belongs_to_the_user ON sessions
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

-- The installation looks after the treasury's line, whoever's operations stand in it.
CREATE POLICY seen_by_the_installation ON slots FOR SELECT
USING ((SELECT nullif(current_setting('app.organisation_id', true), '')::uuid)
       = '00000000-0000-0000-0000-000000000000');

CREATE POLICY filled_by_the_installation ON slots FOR UPDATE
USING ((SELECT nullif(current_setting('app.organisation_id', true), '')::uuid)
       = '00000000-0000-0000-0000-000000000000');

CREATE POLICY seen_by_the_installation ON attempts FOR SELECT
USING ((SELECT nullif(current_setting('app.organisation_id', true), '')::uuid)
       = '00000000-0000-0000-0000-000000000000');

-- The application.  Nobody may delete; history may not even be updated; what was signed stays
-- as it was signed.
GRANT SELECT ON installation, migrations TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (name, tariff) ON organisations TO tallystick_app;
GRANT SELECT, INSERT ON users, members TO tallystick_app;
GRANT SELECT, INSERT,
      UPDATE (organisation_id, expires_at, refresh_hash, previous_hash, rotated_at, successor,
              revoked_at)
   ON sessions TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (name, scopes, expires_at, revoked_at) ON api_keys TO tallystick_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON login_attempts TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (name, final_number, final_hash, halted) ON networks TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (state, key_ref, curve, public_key, address)
   ON accounts TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (wrapping, ciphertext) ON sealed_secrets TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (next_sequence, slot_limit, halted, fence, lease_until)
   ON signers TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (available, held, version) ON wallets TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (remaining) ON lots TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (captured, state, closed_at) ON holds TO tallystick_app;
GRANT SELECT, INSERT ON hold_lots, journal, audit_events TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (sequence) ON audit_heads TO tallystick_app;
GRANT SELECT, INSERT,
      UPDATE (hold_id, accepted_at, state, result, failure_reason, failure_without_effect, failure_detail,
              waiting, waiting_since, due_at, lease_token, lease_until, lease_worker)
   ON operations TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (owner, predicted) ON deployments TO tallystick_app;
GRANT SELECT, INSERT,
      UPDATE (is_final, included_transaction_id, included_block, included_block_hash,
              included_succeeded, included_cost)
   ON steps TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (valid_until, state, is_adopted) ON slots TO tallystick_app;
GRANT SELECT, INSERT,
      UPDATE (broadcast_at, rejected, cost, cost_rate, cost_currency, cost_rate_source,
              cost_rate_at)
   ON attempts TO tallystick_app;
GRANT INSERT ON outbox TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (fingerprint, operation_id, refusal, expires_at)
   ON idempotency_keys TO tallystick_app;

GRANT SELECT ON journal, audit_events, audit_heads TO tallystick_auditor;

-- Everything but secrets and the addresses of people.
GRANT SELECT
   ON installation, migrations, organisations, members, networks, accounts, signers, wallets,
      lots, holds, hold_lots, journal, operations, deployments, steps, slots, attempts,
      audit_heads, audit_events
   TO tallystick_readonly;
