-- name: enter
-- The organisations of this transaction, for the statements that are about all of them.
-- They are looked up by their keys, whatever the statistics say of the tables that day.
SELECT set_config('app.organisations', %(organisations)s, true),
       set_config('app.organisation_id', '', true),
       set_config('app.user_id', '', true),
       set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('enable_seqscan', 'off', true)

-- name: open_throttles
INSERT INTO throttles (organisation_id, subject)
SELECT organisation_id, subject
  FROM unnest(%(owners)s::uuid[], %(askers)s::text[]) AS asker (organisation_id, subject)
    ON CONFLICT (organisation_id, subject) DO NOTHING

-- name: lock_throttles
-- Before any wallet, and in the order of their keys.
SELECT throttle.organisation_id, throttle.subject, seconds, counts, premium_at, failures,
       failed_at, blocked_until, told, told_at
  FROM unnest(%(owners)s::uuid[], %(askers)s::text[]) AS asker (organisation_id, subject)
  JOIN throttles AS throttle USING (organisation_id, subject)
 ORDER BY throttle.organisation_id, throttle.subject
   FOR UPDATE OF throttle

-- name: lock
-- A batch waits for nobody: who is busy elsewhere is served alone, later.
SELECT wallet.organisation_id, wallet.available, wallet.held, wallet.debt, wallet.version,
       wallet.watch_granted, wallet.watch_since, wallet.watch_told, head.sequence
  FROM wallets AS wallet
  JOIN audit_heads AS head USING (organisation_id)
 WHERE wallet.organisation_id = ANY(%(organisations)s::uuid[])
 ORDER BY wallet.organisation_id
   FOR UPDATE OF wallet, head SKIP LOCKED

-- name: wait_for_wallet
SELECT FROM wallets WHERE organisation_id = ANY(%(organisations)s::uuid[]) FOR UPDATE

-- name: wait_for_head
SELECT FROM audit_heads WHERE organisation_id = ANY(%(organisations)s::uuid[]) FOR UPDATE

-- name: load
-- A row for each organisation with all that its turn is decided about: an object for each row of
-- theirs.  What most organisations have none of is asked for only where there is some, and what
-- is needed for new holds only where there are new ones.  OFFSET 0 keeps each look-up one by its
-- key: read the other way round it would go through all of an organisation's holds.
SELECT organisation.id AS organisation_id, organisation.name AS organisation_name,
       organisation.tariff, organisation.created_at AS organisation_created_at,
       EXISTS (SELECT FROM subscriptions AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM disputes AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM purchases AS each WHERE each.organisation_id = organisation.id)
          AS has_payments,
       EXISTS (SELECT FROM licences AS each WHERE each.organisation_id = organisation.id)
          AS has_licence,
       EXISTS (SELECT FROM quotas AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM teams AS each WHERE each.organisation_id = organisation.id)
          AS has_people,
       -- Those with anything left, and the emptied ones that the holds took from.
       (SELECT json_agg(found ORDER BY found.id)
          FROM (SELECT lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.lapsed,
                       lot.clawed_back, lot.effective_at, lot.expires_at, lot.ended_at, lot.fact,
                       lot.root_id, lot.unit_cost_micros, lot.currency
                  FROM lots AS lot
                 WHERE lot.organisation_id = organisation.id
                   AND (lot.remaining > 0
                        OR lot.id IN (SELECT portion.lot_id
                                        FROM unnest(wanted.holds) AS named (id)
                                       CROSS JOIN LATERAL (
                                             SELECT lot_id
                                               FROM hold_lots
                                              WHERE organisation_id = organisation.id
                                                AND hold_id = named.id
                                             OFFSET 0) AS portion))) AS found) AS lots,
       (SELECT json_agg(found ORDER BY found.id)
          FROM (SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member,
                       hold.amount, hold.captured, hold.corrected, hold.state, hold.lease_until,
                       (SELECT json_agg(portion.lot_id ORDER BY portion.position)
                          FROM hold_lots AS portion
                         WHERE portion.organisation_id = hold.organisation_id
                           AND portion.hold_id = hold.id) AS portion_lots,
                       (SELECT json_agg(portion.amount ORDER BY portion.position)
                          FROM hold_lots AS portion
                         WHERE portion.organisation_id = hold.organisation_id
                           AND portion.hold_id = hold.id) AS portion_amounts
                  FROM unnest(wanted.holds) AS named (id)
                 CROSS JOIN LATERAL (
                       SELECT *
                         FROM holds
                        WHERE organisation_id = organisation.id
                          AND id = named.id
                       OFFSET 0) AS hold) AS found) AS holds,
       (SELECT json_agg(found)
          FROM (SELECT subject, bucket_starts, bucket_credits, alerted_at, frozen_until
                  FROM spendings
                 WHERE asked.is_new
                   AND organisation_id = organisation.id
                   AND subject = ANY(asked.subjects)) AS found) AS spendings,
       -- The credits of plans that were given lately: what a month gives is given once.
       (SELECT json_object_agg(fact, amount)
          FROM lots
         WHERE asked.is_new
           AND organisation_id = organisation.id
           AND source = 'plan'
           AND effective_at > %(now)s::timestamptz - interval '62 days') AS plans,
       (SELECT json_agg(found)
          FROM (SELECT live, route, key, encode(fingerprint, 'hex') AS fingerprint, operation_id,
                       refusal, expires_at
                  FROM unnest(asked.live, asked.routes, asked.keys) AS named (live, route, key)
                 CROSS JOIN LATERAL (
                       SELECT fingerprint, operation_id, refusal, expires_at
                         FROM idempotency_keys AS known
                        WHERE known.organisation_id = organisation.id
                          AND known.live = named.live
                          AND known.route = named.route
                          AND known.key = named.key
                       OFFSET 0) AS known
                 WHERE expires_at >= %(now)s) AS found) AS remembered
  FROM json_to_recordset(%(wanted)s::json)
    AS asked (organisation_id uuid, holds uuid[], is_new boolean, subjects text[],
              live boolean[], routes text[], keys text[])
 CROSS JOIN LATERAL (
       SELECT id, name, tariff, created_at
         FROM organisations
        WHERE id = asked.organisation_id
       OFFSET 0) AS organisation
 CROSS JOIN LATERAL (
       -- Those that were named, and those whose lease is over.
       SELECT ARRAY(SELECT unnest(asked.holds)
                     UNION
                    SELECT hold.id
                      FROM holds AS hold
                     WHERE hold.organisation_id = organisation.id
                       AND hold.state = 'held'
                       AND hold.lease_until <= %(now)s) AS holds
       OFFSET 0) AS wanted

-- name: write
-- Everything that a turn has decided, in one statement: what it touches is counted, and has to be
-- what was meant to be touched.
WITH new_lots AS (
    INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, lapsed,
                      clawed_back, effective_at, expires_at, ended_at, fact, root_id,
                      unit_cost_micros, currency)
    SELECT *
      FROM json_to_recordset(%(new_lots)s::json)
        AS lot (organisation_id uuid, id uuid, source lot_source, priority integer, amount bigint,
                remaining bigint, lapsed bigint, clawed_back bigint, effective_at timestamptz,
                expires_at timestamptz, ended_at timestamptz, fact text, root_id uuid,
                unit_cost_micros bigint, currency text)
 RETURNING 1
), changed_lots AS (
    UPDATE lots
       SET remaining = lot.remaining,
           lapsed = lot.lapsed,
           clawed_back = lot.clawed_back,
           ended_at = lot.ended_at
      FROM json_to_recordset(%(changed_lots)s::json)
        AS lot (organisation_id uuid, id uuid, remaining bigint, lapsed bigint,
                clawed_back bigint, ended_at timestamptz)
     WHERE lots.organisation_id = lot.organisation_id
       AND lots.id = lot.id
 RETURNING 1
), new_holds AS (
    INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount,
                       captured, corrected, state, lease_until, held_at, closed_at)
    SELECT *
      FROM json_to_recordset(%(new_holds)s::json)
        AS hold (organisation_id uuid, id uuid, subject uuid, operation text, kind_class text,
                 member text, amount bigint, captured bigint, corrected bigint, state hold_state,
                 lease_until timestamptz, at timestamptz, closed_at timestamptz)
 RETURNING 1
), changed_holds AS (
    UPDATE holds
       SET captured = hold.captured,
           corrected = hold.corrected,
           state = hold.state,
           lease_until = hold.lease_until,
           closed_at = coalesce(holds.closed_at, hold.closed_at)
      FROM json_to_recordset(%(changed_holds)s::json)
        AS hold (organisation_id uuid, id uuid, captured bigint, corrected bigint,
                 state hold_state, lease_until timestamptz, closed_at timestamptz,
                 state_before hold_state, corrected_before bigint)
     WHERE holds.organisation_id = hold.organisation_id
       AND holds.id = hold.id
       AND holds.state = hold.state_before
       AND holds.corrected = hold.corrected_before
 RETURNING 1
), portions AS (
    INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
    SELECT *
      FROM json_to_recordset(%(portions)s::json)
        AS portion (organisation_id uuid, hold_id uuid, position integer, lot_id uuid,
                    amount bigint)
 RETURNING 1
), lines AS (
    INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action, hold_id,
                         lot_id, actor, subject)
    SELECT *
      FROM json_to_recordset(%(lines)s::json)
        AS line (organisation_id uuid, sequence bigint, at timestamptz, debit ledger_account,
                 credit ledger_account, amount bigint, action text, hold_id uuid, lot_id uuid,
                 actor text, subject uuid)
 RETURNING 1
), changed_wallets AS (
    UPDATE wallets
       SET available = wallet.available,
           held = wallet.held,
           debt = wallet.debt,
           version = wallet.version,
           watch_granted = wallet.watch_granted,
           watch_since = wallet.watch_since,
           watch_told = wallet.watch_told
      FROM json_to_recordset(%(wallets)s::json)
        AS wallet (organisation_id uuid, available bigint, held bigint, debt bigint,
                   version bigint, watch_granted bigint, watch_since timestamptz,
                   watch_told bigint, version_before bigint, available_before bigint,
                   held_before bigint, debt_before bigint)
     WHERE wallets.organisation_id = wallet.organisation_id
       AND wallets.version = wallet.version_before
       AND wallets.available = wallet.available_before
       AND wallets.held = wallet.held_before
       AND wallets.debt = wallet.debt_before
 RETURNING 1
), events AS (
    INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,
                              body)
    SELECT event.organisation_id, event.sequence, event.id, event.at, event.action,
           event.subject, event.live, event.salt, convert_to(event.body, 'UTF8')
      FROM json_to_recordset(%(events)s::json)
        AS event (organisation_id uuid, sequence bigint, id uuid, at timestamptz, action text,
                  subject text, live boolean, salt bytea, body text)
 RETURNING 1
), heads AS (
    UPDATE audit_heads
       SET sequence = head.sequence
      FROM json_to_recordset(%(heads)s::json)
        AS head (organisation_id uuid, sequence bigint, sequence_before bigint)
     WHERE audit_heads.organisation_id = head.organisation_id
       AND audit_heads.sequence = head.sequence_before
 RETURNING 1
), counters AS (
    UPDATE throttles
       SET seconds = counter.seconds,
           counts = counter.counts,
           premium_at = counter.premium_at,
           failures = counter.failures,
           failed_at = counter.failed_at,
           blocked_until = counter.blocked_until,
           told = counter.told,
           told_at = counter.told_at
      FROM json_to_recordset(%(throttles)s::json)
        AS counter (organisation_id uuid, subject text, seconds bigint[], counts integer[],
                    premium_at timestamptz, failures integer, failed_at timestamptz,
                    blocked_until timestamptz, told text[], told_at timestamptz[])
     WHERE throttles.organisation_id = counter.organisation_id
       AND throttles.subject = counter.subject
 RETURNING 1
), hours AS (
    INSERT INTO spendings (organisation_id, subject, bucket_starts, bucket_credits, alerted_at,
                           frozen_until)
    SELECT *
      FROM json_to_recordset(%(spendings)s::json)
        AS spending (organisation_id uuid, subject text, bucket_starts timestamptz[],
                     bucket_credits bigint[], alerted_at timestamptz, frozen_until timestamptz)
        ON CONFLICT (organisation_id, subject) DO UPDATE
       SET bucket_starts = EXCLUDED.bucket_starts,
           bucket_credits = EXCLUDED.bucket_credits,
           alerted_at = EXCLUDED.alerted_at,
           frozen_until = EXCLUDED.frozen_until
 RETURNING 1
)
SELECT (SELECT count(*) FROM counters) + (SELECT count(*) FROM hours)
     + (SELECT count(*) FROM new_lots) + (SELECT count(*) FROM changed_lots)
     + (SELECT count(*) FROM new_holds) + (SELECT count(*) FROM changed_holds)
     + (SELECT count(*) FROM portions) + (SELECT count(*) FROM lines)
     + (SELECT count(*) FROM changed_wallets) + (SELECT count(*) FROM events)
     + (SELECT count(*) FROM heads) AS touched
