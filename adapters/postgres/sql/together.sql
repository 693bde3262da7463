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
       wallet.watch_granted, wallet.watch_since, wallet.watch_told, head.sequence,
       wallet.xmin::text AS wallet_mark, head.xmin::text AS head_mark
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
       -- Answers to holds that are remembered; whoever adds one leaves a mark (migration 0065).
       EXISTS (SELECT
                 FROM idempotency_keys AS each
                WHERE each.organisation_id = organisation.id
                  AND each.live = ANY (ARRAY[false, true])
                  AND each.route = 'POST /v1/usage/holds'
                  AND each.expires_at >= %(now)s)
          AS has_answers,
       -- The soonest end of a lease that is not over.
       (SELECT min(hold.lease_until)
          FROM holds AS hold
         WHERE hold.organisation_id = organisation.id
           AND hold.state = 'held'
           AND hold.lease_until > %(now)s) AS horizon,
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
                 WHERE organisation_id = organisation.id
                   AND subject = ANY(asked.subjects)) AS found) AS spendings,
       -- The credits of plans that were given lately: what a month gives is given once.
       (SELECT json_object_agg(fact, amount)
          FROM lots
         WHERE organisation_id = organisation.id
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
    AS asked (organisation_id uuid, holds uuid[], subjects text[],
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

-- name: types
-- Arrays of rows name the type of their rows by its number, which is a database's own.
SELECT typname AS name, oid::bigint AS oid
  FROM pg_type
 WHERE typnamespace = 'public'::regnamespace
   AND typname = ANY($1)

-- name: write
-- What a turn has decided (migration 0065).
SELECT keep_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)::text
