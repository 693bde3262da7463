-- What a turn of waiting commands has decided is written by one call (ADR 26), also where it was
-- decided about what the process knew, and nobody has locked or read anything before.

-- Everything that a turn has decided.  What it touches is counted, and has to be what was meant to
-- be touched: *meant* rows.  Rows that say what they were (`mark`: the transaction that wrote them,
-- as 32 bits) are touched only where they still are; whoever comes in between left another mark.
--
-- *asked*: of each organisation what the decision took for granted and no row here says; null
-- where the wallets are locked already and all of it was read under these locks.  *keys* and
-- *absent*: what must not be there: answers remembered, and holds.
--
-- Locks: counters, then wallets, then audit heads, each in the order of their keys, which is that
-- of the rows given.  Nobody is waited for longer than a moment where *asked* says something: then
-- all of it is decided anew with locks.
--
-- Raises TU001: not all is as it was.  Tells the mark of what was written.
CREATE FUNCTION write_turn(
    meant integer, organisations text, asked json, keys json, absent json, throttles json,
    wallets json, heads json, new_lots json, changed_lots json, new_holds json,
    changed_holds json, portions json, lines json, events json, spendings json
) RETURNS xid
LANGUAGE plpgsql
SET search_path = public, pg_temp
-- Rows are looked up by their keys, whatever the statistics say of the tables that day.
SET plan_cache_mode = force_generic_plan
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
SET enable_bitmapscan = off
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    touched integer := 0;
    more integer;
BEGIN
    IF write_turn.asked IS NOT NULL THEN
        PERFORM set_config('app.organisations', write_turn.organisations, true),
                set_config('app.organisation_id', '', true),
                set_config('app.user_id', '', true),
                set_config('lock_timeout', '5ms', true);
    END IF;
    IF write_turn.throttles IS NOT NULL THEN
        -- The requests of the last minute are somebody else's to count.
        UPDATE throttles AS known
           SET premium_at = counter.premium_at,
               failures = counter.failures,
               failed_at = counter.failed_at,
               blocked_until = counter.blocked_until,
               told = counter.told,
               told_at = counter.told_at
          FROM json_to_recordset(write_turn.throttles)
            AS counter (organisation_id uuid, subject text,
                        premium_at timestamptz, failures integer, failed_at timestamptz,
                        blocked_until timestamptz, told text[], told_at timestamptz[],
                        premium_before timestamptz, failures_before integer,
                        failed_before timestamptz, blocked_before timestamptz,
                        told_before text[], told_at_before timestamptz[])
         WHERE known.organisation_id = counter.organisation_id
           AND known.subject = counter.subject
           AND known.premium_at IS NOT DISTINCT FROM counter.premium_before
           AND known.failures = counter.failures_before
           AND known.failed_at IS NOT DISTINCT FROM counter.failed_before
           AND known.blocked_until IS NOT DISTINCT FROM counter.blocked_before
           AND known.told = counter.told_before
           AND known.told_at = counter.told_at_before;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.wallets IS NOT NULL THEN
        UPDATE wallets AS known
           SET available = wallet.available,
               held = wallet.held,
               debt = wallet.debt,
               version = wallet.version,
               watch_granted = wallet.watch_granted,
               watch_since = wallet.watch_since,
               watch_told = wallet.watch_told
          FROM json_to_recordset(write_turn.wallets)
            AS wallet (organisation_id uuid, available bigint, held bigint, debt bigint,
                       version bigint, watch_granted bigint, watch_since timestamptz,
                       watch_told bigint, version_before bigint, available_before bigint,
                       held_before bigint, debt_before bigint, mark xid)
         WHERE known.organisation_id = wallet.organisation_id
           AND known.version = wallet.version_before
           AND known.available = wallet.available_before
           AND known.held = wallet.held_before
           AND known.debt = wallet.debt_before
           AND known.xmin = wallet.mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.heads IS NOT NULL THEN
        UPDATE audit_heads AS known
           SET sequence = head.sequence
          FROM json_to_recordset(write_turn.heads)
            AS head (organisation_id uuid, sequence bigint, sequence_before bigint, mark xid)
         WHERE known.organisation_id = head.organisation_id
           AND known.sequence = head.sequence_before
           AND known.xmin = head.mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    -- Asked under the locks, by statements of their own: they see what the holder before us left.
    IF write_turn.asked IS NOT NULL AND EXISTS (
        SELECT
          FROM json_to_recordset(write_turn.asked)
            AS asked (organisation_id uuid, name text, tariff text)
          LEFT JOIN organisations AS known ON known.id = asked.organisation_id
         WHERE known.name IS DISTINCT FROM asked.name
            OR known.tariff IS DISTINCT FROM asked.tariff
            OR EXISTS (SELECT FROM subscriptions AS each
                        WHERE each.organisation_id = asked.organisation_id)
            OR EXISTS (SELECT FROM disputes AS each
                        WHERE each.organisation_id = asked.organisation_id)
            OR EXISTS (SELECT FROM purchases AS each
                        WHERE each.organisation_id = asked.organisation_id)
            OR EXISTS (SELECT FROM licences AS each
                        WHERE each.organisation_id = asked.organisation_id)
            OR EXISTS (SELECT FROM quotas AS each
                        WHERE each.organisation_id = asked.organisation_id)
            OR EXISTS (SELECT FROM teams AS each
                        WHERE each.organisation_id = asked.organisation_id)
    ) THEN
        RAISE EXCEPTION 'other facts than were known' USING ERRCODE = 'TU001';
    END IF;
    IF write_turn.keys IS NOT NULL AND EXISTS (
        SELECT
          FROM json_to_recordset(write_turn.keys)
            AS asked (organisation_id uuid, live boolean, route text, key text, now timestamptz)
         CROSS JOIN LATERAL (
               SELECT expires_at
                 FROM idempotency_keys AS known
                WHERE known.organisation_id = asked.organisation_id
                  AND known.live = asked.live
                  AND known.route = asked.route
                  AND known.key = asked.key
               OFFSET 0) AS known
         WHERE known.expires_at >= asked.now
    ) THEN
        RAISE EXCEPTION 'an answer is remembered' USING ERRCODE = 'TU001';
    END IF;
    IF write_turn.absent IS NOT NULL AND EXISTS (
        SELECT
          FROM json_to_recordset(write_turn.absent) AS asked (organisation_id uuid, id uuid)
         CROSS JOIN LATERAL (
               SELECT
                 FROM holds AS known
                WHERE known.organisation_id = asked.organisation_id
                  AND known.id = asked.id
               OFFSET 0) AS known
    ) THEN
        RAISE EXCEPTION 'a hold is there' USING ERRCODE = 'TU001';
    END IF;
    IF write_turn.new_lots IS NOT NULL THEN
        INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, lapsed,
                          clawed_back, effective_at, expires_at, ended_at, fact, root_id,
                          unit_cost_micros, currency)
        SELECT *
          FROM json_to_recordset(write_turn.new_lots)
            AS lot (organisation_id uuid, id uuid, source lot_source, priority integer,
                    amount bigint, remaining bigint, lapsed bigint, clawed_back bigint,
                    effective_at timestamptz, expires_at timestamptz, ended_at timestamptz,
                    fact text, root_id uuid, unit_cost_micros bigint, currency text);
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.changed_lots IS NOT NULL THEN
        UPDATE lots AS known
           SET remaining = lot.remaining,
               lapsed = lot.lapsed,
               clawed_back = lot.clawed_back,
               ended_at = lot.ended_at
          FROM json_to_recordset(write_turn.changed_lots)
            AS lot (organisation_id uuid, id uuid, remaining bigint, lapsed bigint,
                    clawed_back bigint, ended_at timestamptz)
         WHERE known.organisation_id = lot.organisation_id
           AND known.id = lot.id;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.new_holds IS NOT NULL THEN
        INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount,
                           captured, corrected, state, lease_until, held_at, closed_at)
        SELECT *
          FROM json_to_recordset(write_turn.new_holds)
            AS hold (organisation_id uuid, id uuid, subject uuid, operation text,
                     kind_class text, member text, amount bigint, captured bigint,
                     corrected bigint, state hold_state, lease_until timestamptz,
                     at timestamptz, closed_at timestamptz);
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.changed_holds IS NOT NULL THEN
        UPDATE holds AS known
           SET captured = hold.captured,
               corrected = hold.corrected,
               state = hold.state,
               lease_until = hold.lease_until,
               closed_at = coalesce(known.closed_at, hold.closed_at)
          FROM json_to_recordset(write_turn.changed_holds)
            AS hold (organisation_id uuid, id uuid, captured bigint, corrected bigint,
                     state hold_state, lease_until timestamptz, closed_at timestamptz,
                     state_before hold_state, corrected_before bigint)
         WHERE known.organisation_id = hold.organisation_id
           AND known.id = hold.id
           AND known.state = hold.state_before
           AND known.corrected = hold.corrected_before;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.portions IS NOT NULL THEN
        INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
        SELECT *
          FROM json_to_recordset(write_turn.portions)
            AS portion (organisation_id uuid, hold_id uuid, position integer, lot_id uuid,
                        amount bigint);
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.lines IS NOT NULL THEN
        INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action,
                             hold_id, lot_id, actor, subject)
        SELECT *
          FROM json_to_recordset(write_turn.lines)
            AS line (organisation_id uuid, sequence bigint, at timestamptz,
                     debit ledger_account, credit ledger_account, amount bigint, action text,
                     hold_id uuid, lot_id uuid, actor text, subject uuid);
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.events IS NOT NULL THEN
        INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,
                                  body)
        SELECT event.organisation_id, event.sequence, event.id, event.at, event.action,
               event.subject, event.live, event.salt, convert_to(event.body, 'UTF8')
          FROM json_to_recordset(write_turn.events)
            AS event (organisation_id uuid, sequence bigint, id uuid, at timestamptz,
                      action text, subject text, live boolean, salt bytea, body text);
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF write_turn.spendings IS NOT NULL THEN
        INSERT INTO spendings AS known
                   (organisation_id, subject, bucket_starts, bucket_credits, alerted_at,
                    frozen_until)
        SELECT organisation_id, subject, bucket_starts, bucket_credits, alerted_at, frozen_until
          FROM json_to_recordset(write_turn.spendings)
            AS spending (organisation_id uuid, subject text, bucket_starts timestamptz[],
                         bucket_credits bigint[], alerted_at timestamptz,
                         frozen_until timestamptz)
            ON CONFLICT (organisation_id, subject) DO UPDATE
           SET bucket_starts = EXCLUDED.bucket_starts,
               bucket_credits = EXCLUDED.bucket_credits,
               alerted_at = EXCLUDED.alerted_at,
               frozen_until = EXCLUDED.frozen_until;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF touched <> meant THEN
        RAISE EXCEPTION '% rows were meant, % were as they were', meant, touched
              USING ERRCODE = 'TU001';
    END IF;
    RETURN pg_current_xact_id()::xid;
END
$$;

REVOKE ALL ON FUNCTION write_turn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION write_turn TO tallystick_app;
