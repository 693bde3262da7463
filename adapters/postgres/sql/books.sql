-- name: open
-- One instant for all that follows, and no lock that anybody waits for.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: enter
SELECT set_config('app.organisation_id', %(organisation)s::text, true)

-- name: volumes
SELECT organisation_id, lines FROM narrow.ledger_volumes(%(after)s, %(limit)s)

-- name: wallet
SELECT available, held, debt, version
  FROM wallets
 WHERE organisation_id = %(organisation)s

-- name: lots
SELECT id, source::text AS source, priority, amount, remaining, lapsed, clawed_back, effective_at,
       expires_at, ended_at, fact, unit_cost_micros, currency
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
-- Registered, and the first time that a deployment was completed.
SELECT organisation.created_at AS registered_at,
       (SELECT event.at
          FROM audit_events AS event
         WHERE event.organisation_id = organisation.id
           AND event.action = 'deployment.completed'
         ORDER BY event.sequence
         LIMIT 1) AS completed_at
  FROM organisations AS organisation
 WHERE organisation.id = %(organisation)s
