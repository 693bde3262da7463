-- What a turn has decided travels as rows of types of their own, in binary: PostgreSQL reads them in
-- a fraction of the time of JSON (ADR 26).  `write_turn` stays for the release before this one.

CREATE TYPE turn_book AS (
    organisation_id uuid, name text, tariff text, available bigint, held bigint, debt bigint,
    version bigint, watch_granted bigint, watch_since timestamptz, watch_told bigint,
    version_before bigint, wallet_mark xid, sequence bigint, sequence_before bigint,
    head_mark xid
);
CREATE TYPE turn_key AS (
    organisation_id uuid, live boolean, route text, key text, now timestamptz
);
CREATE TYPE turn_absent AS (
    organisation_id uuid, id uuid
);
CREATE TYPE turn_counter AS (
    organisation_id uuid, subject text, premium_at timestamptz, failures integer,
    failed_at timestamptz, blocked_until timestamptz, told text[], told_at timestamptz[],
    premium_before timestamptz, failures_before integer, failed_before timestamptz,
    blocked_before timestamptz, told_before text[], told_at_before timestamptz[]
);
CREATE TYPE turn_new_lot AS (
    organisation_id uuid, id uuid, source text, priority integer, amount bigint,
    remaining bigint, lapsed bigint, clawed_back bigint, effective_at timestamptz,
    expires_at timestamptz, ended_at timestamptz, fact text, root_id uuid,
    unit_cost_micros bigint, currency text
);
CREATE TYPE turn_changed_lot AS (
    organisation_id uuid, id uuid, remaining bigint, lapsed bigint, clawed_back bigint,
    ended_at timestamptz
);
CREATE TYPE turn_new_hold AS (
    organisation_id uuid, id uuid, subject uuid, operation text, kind_class text, member text,
    amount bigint, captured bigint, corrected bigint, state text, lease_until timestamptz,
    held_at timestamptz, closed_at timestamptz
);
CREATE TYPE turn_changed_hold AS (
    organisation_id uuid, id uuid, captured bigint, corrected bigint, state text,
    lease_until timestamptz, closed_at timestamptz, state_before text, corrected_before bigint
);
CREATE TYPE turn_portion AS (
    organisation_id uuid, hold_id uuid, position integer, lot_id uuid, amount bigint
);
CREATE TYPE turn_line AS (
    organisation_id uuid, sequence bigint, at timestamptz, debit text, credit text,
    amount bigint, action text, hold_id uuid, lot_id uuid, actor text, subject uuid
);
CREATE TYPE turn_event AS (
    organisation_id uuid, sequence bigint, id uuid, at timestamptz, action text, subject text,
    live boolean, salt bytea, body bytea
);
CREATE TYPE turn_spending AS (
    organisation_id uuid, subject text, bucket_starts timestamptz[], bucket_credits bigint[],
    alerted_at timestamptz, frozen_until timestamptz, starts_before timestamptz[],
    credits_before bigint[], alerted_before timestamptz, frozen_before timestamptz
);

-- Everything that a turn has decided.  What it touches is counted, and has to be what was meant to
-- be touched: *meant* rows.  Rows that say what they were are touched only where they still are:
-- counters and spendings by value, wallet and audit head by their marks as well, which are the
-- transactions that wrote them, as 32 bits: whoever comes in between has left another mark.
--
-- *organisations*: whose turn it is, where nobody has locked or read anything before, and what the
-- decision took for granted is asked for here; null where the wallets are locked already, and all
-- of it was read under these locks.  *keys* and *absent*: what must not be there: answers
-- remembered, and holds.
--
-- Locks: counters, then wallets, then audit heads, each in the order of their keys, which is that
-- of the rows given.  Nobody is waited for longer than a moment where *organisations* are named:
-- then all of it is decided anew with locks.
--
-- Raises TU001: not all is as it was.  Tells the mark of what was written.
CREATE FUNCTION store_turn(
    meant integer, organisations text, books turn_book[], keys turn_key[], absent turn_absent[],
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
BEGIN
    IF store_turn.organisations IS NOT NULL THEN
        PERFORM set_config('app.organisations', store_turn.organisations, true),
                set_config('app.organisation_id', '', true),
                set_config('app.user_id', '', true),
                set_config('lock_timeout', '5ms', true);
    END IF;
    IF store_turn.counters IS NOT NULL THEN
        -- The requests of the last minute are somebody else's to count.
        UPDATE throttles AS known
           SET premium_at = counter.premium_at,
               failures = counter.failures,
               failed_at = counter.failed_at,
               blocked_until = counter.blocked_until,
               told = counter.told,
               told_at = counter.told_at
          FROM unnest(store_turn.counters) AS counter
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
    IF store_turn.books IS NOT NULL THEN
        UPDATE wallets AS known
           SET available = book.available,
               held = book.held,
               debt = book.debt,
               version = book.version,
               watch_granted = book.watch_granted,
               watch_since = book.watch_since,
               watch_told = book.watch_told
          FROM unnest(store_turn.books) AS book
         WHERE known.organisation_id = book.organisation_id
           AND known.version = book.version_before
           AND known.xmin = book.wallet_mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
        UPDATE audit_heads AS known
           SET sequence = book.sequence
          FROM unnest(store_turn.books) AS book
         WHERE known.organisation_id = book.organisation_id
           AND known.sequence = book.sequence_before
           AND known.xmin = book.head_mark;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    -- Asked under the locks, by statements of their own: they see what the holder before us left.
    IF store_turn.organisations IS NOT NULL AND EXISTS (
        SELECT
          FROM unnest(store_turn.books) AS book
          LEFT JOIN organisations AS known ON known.id = book.organisation_id
         WHERE known.name IS DISTINCT FROM book.name
            OR known.tariff IS DISTINCT FROM book.tariff
            OR EXISTS (SELECT FROM subscriptions AS each
                        WHERE each.organisation_id = book.organisation_id)
            OR EXISTS (SELECT FROM disputes AS each
                        WHERE each.organisation_id = book.organisation_id)
            OR EXISTS (SELECT FROM purchases AS each
                        WHERE each.organisation_id = book.organisation_id)
            OR EXISTS (SELECT FROM licences AS each
                        WHERE each.organisation_id = book.organisation_id)
            OR EXISTS (SELECT FROM quotas AS each
                        WHERE each.organisation_id = book.organisation_id)
            OR EXISTS (SELECT FROM teams AS each
                        WHERE each.organisation_id = book.organisation_id)
    ) THEN
        RAISE EXCEPTION 'other facts than were known' USING ERRCODE = 'TU001';
    END IF;
    IF store_turn.keys IS NOT NULL AND EXISTS (
        SELECT
          FROM unnest(store_turn.keys) AS asked
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
    IF store_turn.absent IS NOT NULL AND EXISTS (
        SELECT
          FROM unnest(store_turn.absent) AS asked
         CROSS JOIN LATERAL (
               SELECT
                 FROM holds AS known
                WHERE known.organisation_id = asked.organisation_id
                  AND known.id = asked.id
               OFFSET 0) AS known
    ) THEN
        RAISE EXCEPTION 'a hold is there' USING ERRCODE = 'TU001';
    END IF;
    IF store_turn.new_lots IS NOT NULL THEN
        INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, lapsed,
                          clawed_back, effective_at, expires_at, ended_at, fact, root_id,
                          unit_cost_micros, currency)
        SELECT lot.organisation_id, lot.id, lot.source::lot_source, lot.priority, lot.amount,
               lot.remaining, lot.lapsed, lot.clawed_back, lot.effective_at, lot.expires_at,
               lot.ended_at, lot.fact, lot.root_id, lot.unit_cost_micros, lot.currency
          FROM unnest(store_turn.new_lots) AS lot;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.changed_lots IS NOT NULL THEN
        UPDATE lots AS known
           SET remaining = lot.remaining,
               lapsed = lot.lapsed,
               clawed_back = lot.clawed_back,
               ended_at = lot.ended_at
          FROM unnest(store_turn.changed_lots) AS lot
         WHERE known.organisation_id = lot.organisation_id
           AND known.id = lot.id;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.new_holds IS NOT NULL THEN
        INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount,
                           captured, corrected, state, lease_until, held_at, closed_at)
        SELECT hold.organisation_id, hold.id, hold.subject, hold.operation, hold.kind_class,
               hold.member, hold.amount, hold.captured, hold.corrected, hold.state::hold_state,
               hold.lease_until, hold.held_at, hold.closed_at
          FROM unnest(store_turn.new_holds) AS hold;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.changed_holds IS NOT NULL THEN
        UPDATE holds AS known
           SET captured = hold.captured,
               corrected = hold.corrected,
               state = hold.state::hold_state,
               lease_until = hold.lease_until,
               closed_at = coalesce(known.closed_at, hold.closed_at)
          FROM unnest(store_turn.changed_holds) AS hold
         WHERE known.organisation_id = hold.organisation_id
           AND known.id = hold.id
           AND known.state = hold.state_before::hold_state
           AND known.corrected = hold.corrected_before;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.portions IS NOT NULL THEN
        INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
        SELECT portion.organisation_id, portion.hold_id, portion.position, portion.lot_id,
               portion.amount
          FROM unnest(store_turn.portions) AS portion;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.lines IS NOT NULL THEN
        INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action,
                             hold_id, lot_id, actor, subject)
        SELECT line.organisation_id, line.sequence, line.at, line.debit::ledger_account,
               line.credit::ledger_account, line.amount, line.action, line.hold_id, line.lot_id,
               line.actor, line.subject
          FROM unnest(store_turn.lines) AS line;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.events IS NOT NULL THEN
        INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,
                                  body)
        SELECT event.organisation_id, event.sequence, event.id, event.at, event.action,
               event.subject, event.live, event.salt, event.body
          FROM unnest(store_turn.events) AS event;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.new_spendings IS NOT NULL THEN
        INSERT INTO spendings (organisation_id, subject, bucket_starts, bucket_credits,
                               alerted_at, frozen_until)
        SELECT spending.organisation_id, spending.subject, spending.bucket_starts,
               spending.bucket_credits, spending.alerted_at, spending.frozen_until
          FROM unnest(store_turn.new_spendings) AS spending;
        GET DIAGNOSTICS more = ROW_COUNT;
        touched := touched + more;
    END IF;
    IF store_turn.changed_spendings IS NOT NULL THEN
        UPDATE spendings AS known
           SET bucket_starts = spending.bucket_starts,
               bucket_credits = spending.bucket_credits,
               alerted_at = spending.alerted_at,
               frozen_until = spending.frozen_until
          FROM unnest(store_turn.changed_spendings) AS spending
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

REVOKE ALL ON FUNCTION store_turn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_turn TO tallystick_app;

-- When a lot is over is known with its wallet: whoever moves it, by hand as well, writes the
-- wallet's row, and turns that knew it otherwise are not kept.
CREATE FUNCTION a_lots_end_is_known_with_its_wallet() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.wallets SET version = version WHERE organisation_id = NEW.organisation_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER a_lots_end_is_known_with_its_wallet
    AFTER UPDATE OF expires_at ON lots
    FOR EACH ROW WHEN (OLD.expires_at IS DISTINCT FROM NEW.expires_at)
    EXECUTE FUNCTION a_lots_end_is_known_with_its_wallet();
