-- A turn starts fewer statements (ADR 26): what it sets for itself are expressions, and what it does
-- not ask costs nothing.  A condition with a query in it is a statement, also where its first half
-- is false.  All else of `keep_turn` is as it was (migration 0065).

-- Everything that a turn has decided.  What it touches is counted, and has to be what was meant to
-- be touched: *meant* rows.  Rows that say what they were are touched only where they still are:
-- counters and spendings by value, wallet and audit head by their marks as well, which are the
-- transactions that wrote them, as 32 bits: whoever comes in between has left another mark.
--
-- *organisations*: whose turn it is, where nobody has locked or read anything before; null where
-- the wallets are locked already, and all of it was read under these locks.  *keys* and *absent*:
-- what must not be there: answers remembered, and holds.
--
-- Locks: counters, then wallets, then audit heads, each in the order of their keys, which is that
-- of the rows given.  Nobody is waited for longer than a moment where *organisations* are named:
-- then all of it is decided anew with locks.
--
-- Raises TU001: not all is as it was.  Tells the mark of what was written.
CREATE OR REPLACE FUNCTION keep_turn(
    meant integer, organisations text, books turn_account[], keys turn_key[], absent turn_absent[],
    counters turn_counter[], new_lots turn_new_lot[], changed_lots turn_changed_lot[],
    new_holds turn_new_hold[], changed_holds turn_changed_hold[], portions turn_portion[],
    lines turn_line[], events turn_event[], new_spendings turn_spending[],
    changed_spendings turn_spending[]
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
    said text;
BEGIN
    IF keep_turn.organisations IS NOT NULL THEN
        said := set_config('app.organisations', keep_turn.organisations, true);
        said := set_config('app.organisation_id', '', true);
        said := set_config('app.user_id', '', true);
        said := set_config('lock_timeout', '5ms', true);
    END IF;
    IF keep_turn.counters IS NOT NULL THEN
        -- The requests of the last minute are somebody else's to count.
        UPDATE throttles AS known
           SET premium_at = counter.premium_at,
               failures = counter.failures,
               failed_at = counter.failed_at,
               blocked_until = counter.blocked_until,
               told = counter.told,
               told_at = counter.told_at
          FROM unnest(keep_turn.counters) AS counter
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
    IF keep_turn.books IS NOT NULL THEN
        UPDATE wallets AS known
           SET available = book.available,
               held = book.held,
               debt = book.debt,
               version = book.version,
               watch_granted = book.watch_granted,
               watch_since = book.watch_since,
               watch_told = book.watch_told
          FROM unnest(keep_turn.books) AS book
         WHERE known.organisation_id = book.organisation_id
           AND known.version = book.version_before
           AND known.xmin = book.wallet_mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
        UPDATE audit_heads AS known
           SET sequence = book.sequence
          FROM unnest(keep_turn.books) AS book
         WHERE known.organisation_id = book.organisation_id
           AND known.sequence = book.sequence_before
           AND known.xmin = book.head_mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    -- Asked under the locks, by statements of their own: they see what the holder before us left.
    IF keep_turn.keys IS NOT NULL THEN
        IF EXISTS (
            SELECT
              FROM unnest(keep_turn.keys) AS asked
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
    END IF;
    IF keep_turn.absent IS NOT NULL THEN
        IF EXISTS (
            SELECT
              FROM unnest(keep_turn.absent) AS asked
             CROSS JOIN LATERAL (
                   SELECT
                     FROM holds AS known
                    WHERE known.organisation_id = asked.organisation_id
                      AND known.id = asked.id
                   OFFSET 0) AS known
        ) THEN
            RAISE EXCEPTION 'a hold is there' USING ERRCODE = 'TU001';
        END IF;
    END IF;
    IF keep_turn.new_lots IS NOT NULL THEN
        INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, lapsed,
                          clawed_back, effective_at, expires_at, ended_at, fact, root_id,
                          unit_cost_micros, currency)
        SELECT lot.organisation_id, lot.id, lot.source::lot_source, lot.priority, lot.amount,
               lot.remaining, lot.lapsed, lot.clawed_back, lot.effective_at, lot.expires_at,
               lot.ended_at, lot.fact, lot.root_id, lot.unit_cost_micros, lot.currency
          FROM unnest(keep_turn.new_lots) AS lot;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.changed_lots IS NOT NULL THEN
        UPDATE lots AS known
           SET remaining = lot.remaining,
               lapsed = lot.lapsed,
               clawed_back = lot.clawed_back,
               ended_at = lot.ended_at
          FROM unnest(keep_turn.changed_lots) AS lot
         WHERE known.organisation_id = lot.organisation_id
           AND known.id = lot.id;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.new_holds IS NOT NULL THEN
        INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount,
                           captured, corrected, state, lease_until, held_at, closed_at)
        SELECT hold.organisation_id, hold.id, hold.subject, hold.operation, hold.kind_class,
               hold.member, hold.amount, hold.captured, hold.corrected, hold.state::hold_state,
               hold.lease_until, hold.held_at, hold.closed_at
          FROM unnest(keep_turn.new_holds) AS hold;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.changed_holds IS NOT NULL THEN
        UPDATE holds AS known
           SET captured = hold.captured,
               corrected = hold.corrected,
               state = hold.state::hold_state,
               lease_until = hold.lease_until,
               closed_at = coalesce(known.closed_at, hold.closed_at)
          FROM unnest(keep_turn.changed_holds) AS hold
         WHERE known.organisation_id = hold.organisation_id
           AND known.id = hold.id
           AND known.state = hold.state_before::hold_state
           AND known.corrected = hold.corrected_before;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.portions IS NOT NULL THEN
        INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
        SELECT portion.organisation_id, portion.hold_id, portion.position, portion.lot_id,
               portion.amount
          FROM unnest(keep_turn.portions) AS portion;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.lines IS NOT NULL THEN
        INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action,
                             hold_id, lot_id, actor, subject)
        SELECT line.organisation_id, line.sequence, line.at, line.debit::ledger_account,
               line.credit::ledger_account, line.amount, line.action, line.hold_id, line.lot_id,
               line.actor, line.subject
          FROM unnest(keep_turn.lines) AS line;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.events IS NOT NULL THEN
        INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,
                                  body)
        SELECT event.organisation_id, event.sequence, event.id, event.at, event.action,
               event.subject, event.live, event.salt, event.body
          FROM unnest(keep_turn.events) AS event;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.new_spendings IS NOT NULL THEN
        INSERT INTO spendings (organisation_id, subject, bucket_starts, bucket_credits,
                               alerted_at, frozen_until)
        SELECT spending.organisation_id, spending.subject, spending.bucket_starts,
               spending.bucket_credits, spending.alerted_at, spending.frozen_until
          FROM unnest(keep_turn.new_spendings) AS spending;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF keep_turn.changed_spendings IS NOT NULL THEN
        UPDATE spendings AS known
           SET bucket_starts = spending.bucket_starts,
               bucket_credits = spending.bucket_credits,
               alerted_at = spending.alerted_at,
               frozen_until = spending.frozen_until
          FROM unnest(keep_turn.changed_spendings) AS spending
         WHERE known.organisation_id = spending.organisation_id
           AND known.subject = spending.subject
           AND known.bucket_starts = spending.starts_before
           AND known.bucket_credits = spending.credits_before
           AND known.alerted_at IS NOT DISTINCT FROM spending.alerted_before
           AND known.frozen_until IS NOT DISTINCT FROM spending.frozen_before;
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
