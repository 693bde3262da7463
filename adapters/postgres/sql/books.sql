-- name: open
-- One instant for all that follows, and no lock that anybody waits for.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: enter
SELECT set_config('app.organisation_id', %(organisation)s::text, true)

-- name: volumes
SELECT organisation_id, lines FROM narrow.ledger_volumes(%(after)s, %(limit)s)

-- name: trail_begins
-- Behind the last month whose events have left the database, as the trail says it.
SELECT narrow.trail_begins() AS begins

-- name: wallet
SELECT available, held, debt, version
  FROM wallets
 WHERE organisation_id = %(organisation)s

-- name: lots
SELECT id, source::text AS source, priority, amount, remaining, lapsed, clawed_back, effective_at,
       expires_at, ended_at, fact, root_id, unit_cost_micros, currency
  FROM lots
 WHERE organisation_id = %(organisation)s

-- name: hold_totals
SELECT count(*) AS count,
       count(*) FILTER (WHERE state = 'held') AS open_count,
       coalesce(sum(amount) FILTER (WHERE state = 'held'), 0)::bigint AS open_amount,
       coalesce(sum(corrected), 0)::bigint AS corrected
  FROM holds
 WHERE organisation_id = %(organisation)s

-- name: lines
-- Each with the hold that it names as it is by now: a hold is about two lines long, so what it
-- took is read where it is needed, and never kept.
SELECT line.sequence, line.at, line.debit::text AS debit, line.credit::text AS credit,
       line.amount, line.action, line.hold_id, line.lot_id, line.actor,
       hold.id AS known_hold, hold.operation, hold.amount AS hold_amount, hold.captured, hold.corrected,
       hold.state::text AS state, hold.held_at, hold.closed_at, hold.lease_until,
       portion.lots AS portion_lots, portion.amounts AS portion_amounts
  FROM journal AS line
  LEFT JOIN holds AS hold
    ON hold.organisation_id = line.organisation_id
   AND hold.id = line.hold_id
  LEFT JOIN LATERAL (
       SELECT array_agg(lot_id ORDER BY position) AS lots,
              array_agg(amount ORDER BY position) AS amounts
         FROM hold_lots
        WHERE organisation_id = line.organisation_id
          AND hold_id = line.hold_id) AS portion
    ON line.hold_id IS NOT NULL
 WHERE line.organisation_id = %(organisation)s
   AND (%(since)s::timestamptz IS NULL OR line.at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR line.at < %(until)s)
 ORDER BY line.sequence

-- name: events
SELECT sequence, id, at, action, subject, live, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND action LIKE 'credits.%%'
 ORDER BY sequence

-- name: tariff
SELECT tariff FROM organisations WHERE id = %(organisation)s

-- name: chain_costs
-- What the treasury paid for, those attempts too that came to nothing; by when they were signed.
SELECT CASE WHEN detail.order_action IS NULL THEN 'deployment' ELSE 'token_operation' END
           AS operation,
       slot.network, attempt.cost AS amount, attempt.cost_rate AS price,
       attempt.cost_currency AS currency
  FROM attempts AS attempt
  JOIN slots AS slot
    ON slot.organisation_id = attempt.organisation_id
   AND slot.operation_id = attempt.operation_id
   AND slot.step_number = attempt.step_number
   AND slot.number = attempt.slot_number
  JOIN operations AS operation
    ON operation.organisation_id = attempt.organisation_id
   AND operation.id = attempt.operation_id
  LEFT JOIN deployments AS detail
    ON detail.organisation_id = attempt.organisation_id
   AND detail.id = attempt.operation_id
 WHERE attempt.organisation_id = %(organisation)s
   AND attempt.cost > 0
   AND slot.signer = operation.sender
   AND (%(since)s::timestamptz IS NULL OR attempt.signed_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR attempt.signed_at < %(until)s)

-- name: paid_periods
SELECT tariff, starts_at, ends_at, amount_minor, refunded_minor, currency
  FROM paid_periods
 WHERE organisation_id = %(organisation)s

-- name: began
-- Registered, and the first time that a deployment was completed.  Of whoever registered before
-- the trail begins it is not known.
SELECT organisation.created_at AS registered_at,
       (SELECT event.at
          FROM audit_events AS event
         WHERE event.organisation_id = organisation.id
           AND event.action = 'deployment.completed'
         ORDER BY event.sequence
         LIMIT 1) AS completed_at
  FROM organisations AS organisation
 WHERE organisation.id = %(organisation)s
   AND organisation.created_at
       >= coalesce((SELECT (max(month) + interval '1 month')::timestamp AT TIME ZONE 'UTC'
                      FROM archives
                     WHERE state <> 'archived'), '-infinity')

-- name: quota_windows
-- Days and months (UTC) that began when the quota was in force already, and all that came after an
-- API key's cap was set.  A subscription's period is not to be told afterwards.
SELECT quota.subject_kind, quota.subject_id, quota.quota_window AS window,
       quota.most, quota.set_at
  FROM quotas AS quota
 WHERE quota.organisation_id = %(organisation)s
   AND quota.most IS NOT NULL
   AND quota.quota_window IN ('day', 'month', 'ever')

-- name: quota_keys
-- What they take is their maker's.
SELECT id FROM narrow.keys_made_by(%(member)s)

-- name: quota_taken
WITH taken AS (
    SELECT CASE WHEN %(window)s = 'ever'
                THEN %(set_at)s::timestamptz
                ELSE date_trunc(%(window)s, hold.held_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
           END AS since,
           sum(CASE WHEN hold.state = 'held' THEN hold.amount
                    ELSE hold.captured - hold.corrected END)::bigint AS taken
      FROM holds AS hold
     WHERE hold.organisation_id = %(organisation)s
       AND hold.held_at >= %(set_at)s
       AND CASE WHEN %(names)s::text[] IS NOT NULL
                THEN hold.member = ANY(%(names)s::text[])
                ELSE EXISTS (SELECT
                               FROM hold_teams AS team
                              WHERE team.organisation_id = hold.organisation_id
                                AND team.team_id = %(subject)s
                                AND team.hold_id = hold.id)
           END
     GROUP BY 1
)
SELECT taken.since, taken.taken,
       coalesce((SELECT sum(CASE WHEN shift.receiver = %(subject)s THEN shift.amount ELSE 0 END
                            - CASE WHEN shift.giver = %(subject)s THEN shift.amount ELSE 0 END)
                   FROM quota_shifts AS shift
                  WHERE shift.organisation_id = %(organisation)s
                    AND shift.quota_window = %(window)s
                    AND shift.since = taken.since), 0)::bigint AS shifted
  FROM taken
 WHERE taken.since >= %(set_at)s
 ORDER BY taken.since

-- name: licence_changes
SELECT at, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND action = 'licence.changed'
 ORDER BY sequence

-- name: taken_between
SELECT id, kind_class, held_at
  FROM holds
 WHERE organisation_id = %(organisation)s
   AND kind_class = ANY(%(classes)s)
   AND held_at > %(since)s
   AND (%(until)s::timestamptz IS NULL OR held_at < %(until)s)

-- name: open_unsigned
-- Metered, or of an operation of which nothing is signed.
SELECT hold.id, hold.kind_class, hold.held_at
  FROM holds AS hold
 WHERE hold.organisation_id = %(organisation)s
   AND hold.state = 'held'
   AND hold.kind_class = ANY(%(classes)s)
   AND (hold.lease_until IS NOT NULL
        OR EXISTS (SELECT
                     FROM operations AS operation
                    WHERE operation.organisation_id = hold.organisation_id
                      AND operation.id = hold.subject
                      AND operation.state = 'Queued'))

-- name: gifts
SELECT id, direction, other_id AS other, amount, state, closed_at
  FROM gifts
 WHERE organisation_id = %(organisation)s

-- name: paid
-- What was paid for and gives credits, each with the lot of its fact.
SELECT due.fact, due.credits, due.given_back, due.amount_minor, due.refunded_minor,
       EXISTS (SELECT
                 FROM disputes
                WHERE organisation_id = %(organisation)s
                  AND payment = due.payment
                  AND is_won IS NOT TRUE) AS is_disputed,
       lot.amount AS granted, lot.clawed_back
  FROM (SELECT 'pack:' || payment AS fact, payment, credits, 0 AS given_back,
               amount_minor, refunded_minor
          FROM purchases
         WHERE organisation_id = %(organisation)s
         UNION ALL
        SELECT 'plan:' || subscription || ':' || price || ':'
                   || to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               payment, credits, coalesce(given_back, 0), amount_minor, refunded_minor
          FROM paid_periods
         WHERE organisation_id = %(organisation)s
           AND credits > 0) AS due
  LEFT JOIN lots AS lot
    ON lot.organisation_id = %(organisation)s
   AND lot.fact = due.fact

-- name: gift_totals
SELECT coalesce((SELECT sum(amount)
                   FROM gifts
                  WHERE organisation_id = %(organisation)s
                    AND direction = 'sent'
                    AND state <> 'returned'), 0)::bigint AS sent,
       coalesce((SELECT sum(amount)
                   FROM gifts
                  WHERE organisation_id = %(organisation)s
                    AND direction = 'received'), 0)::bigint AS received,
       coalesce((SELECT sum(amount)
                   FROM lots
                  WHERE organisation_id = %(organisation)s
                    AND fact LIKE 'gift:gift\_%%'), 0)::bigint AS granted
