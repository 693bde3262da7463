-- Waiting commands share a transaction, also those of several organisations.  Such a transaction
-- names each of them; statements about all see those, and a connection that names none sees
-- nothing still.  What has no commands of its own is not here: it is seen by one at a time.
DO $$
DECLARE
    shared text;
BEGIN
    FOREACH shared IN ARRAY ARRAY[
        'wallets', 'lots', 'holds', 'hold_lots', 'journal', 'audit_heads', 'audit_events'
    ] LOOP
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_turn ON %I
            USING (organisation_id = ANY (
                (SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]))
            WITH CHECK (organisation_id = ANY (
                (SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]))
            $policy$, shared);
    END LOOP;
END
$$;

CREATE POLICY belongs_to_the_turn ON organisations FOR SELECT
USING (id = ANY ((SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]));

-- Leases that are over, also among many that are not.  Built while holds wait: a migration is one
-- transaction, and there were no leases before there were metered holds.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX holds_leased ON holds (organisation_id, lease_until)
 WHERE state = 'held' AND lease_until IS NOT NULL;
