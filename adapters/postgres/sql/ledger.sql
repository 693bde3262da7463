-- name: lock_wallet
-- The one lock of a command.  What is read after it, in statements of their own, is what the
-- holder before us left behind.
SELECT available, held, debt, version, watch_granted, watch_since, watch_told
  FROM wallets
 WHERE organisation_id = %(organisation)s
   FOR UPDATE

-- name: select_lots
-- Lists and instants stand in queries of their own, where the planner cannot look into them: what it
-- can it plans for anew each time, which takes longer than to find the rows.  Leases have two ends,
-- where one would do: by one alone it takes so many to be over that it reads all open holds.
SELECT lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.lapsed, lot.clawed_back,
       lot.effective_at, lot.expires_at, lot.ended_at, lot.fact, lot.root_id, lot.unit_cost_micros,
       lot.currency
  FROM lots AS lot
 WHERE lot.organisation_id = %(organisation)s
   AND (lot.remaining > 0
        OR lot.id = ANY((SELECT %(lots)s::uuid[])::uuid[])
        OR lot.fact = ANY((SELECT %(facts)s::text[])::text[])
        OR lot.root_id IN (SELECT root.id
                             FROM lots AS root
                            WHERE root.organisation_id = %(organisation)s
                              AND root.fact = ANY((SELECT %(facts)s::text[])::text[]))
        OR lot.id IN (SELECT portion.lot_id
                        FROM hold_lots AS portion
                       WHERE portion.organisation_id = %(organisation)s
                         AND portion.hold_id = ANY((SELECT %(holds)s::uuid[])::uuid[]))
        OR lot.id IN (SELECT portion.lot_id
                        FROM holds AS hold
                        JOIN hold_lots AS portion
                          ON portion.organisation_id = hold.organisation_id
                         AND portion.hold_id = hold.id
                       WHERE hold.organisation_id = %(organisation)s
                         AND hold.state = 'held'
                         AND hold.lease_until BETWEEN '-infinity'
                                                  AND (SELECT %(now)s::timestamptz)))
 ORDER BY lot.id

-- name: select_holds
-- Planned once, as `select_lots`; and each by its key, however many the plan takes there to be.
SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member, hold.amount,
       hold.captured, hold.corrected, hold.state, hold.lease_until, portion_lots, portion_amounts
  FROM (SELECT unnest((SELECT %(holds)s::uuid[])) AS id
         UNION
        SELECT leased.id
          FROM holds AS leased
         WHERE leased.organisation_id = %(organisation)s
           AND leased.state = 'held'
           AND leased.lease_until BETWEEN '-infinity'
                                      AND (SELECT %(now)s::timestamptz)) AS wanted
 CROSS JOIN LATERAL (
       SELECT *
         FROM holds
        WHERE holds.organisation_id = %(organisation)s
          AND holds.id = wanted.id
       OFFSET 0) AS hold
 CROSS JOIN LATERAL (
       SELECT array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
              array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
         FROM hold_lots AS portion
        WHERE portion.organisation_id = %(organisation)s
          AND portion.hold_id = wanted.id
       HAVING count(*) > 0) AS taken
 ORDER BY hold.id

-- name: select_hold
SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member, hold.amount,
       hold.captured, hold.corrected, hold.state, hold.lease_until,
       array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
       array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
  FROM holds AS hold
  JOIN hold_lots AS portion
    ON portion.organisation_id = hold.organisation_id
   AND portion.hold_id = hold.id
 WHERE hold.organisation_id = %(organisation)s
   AND hold.id = %(id)s
 GROUP BY hold.organisation_id, hold.id

-- name: granted
SELECT fact, amount
  FROM lots
 WHERE organisation_id = %(organisation)s
   AND fact = ANY(%(facts)s::text[])

-- name: select_held
SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member, hold.amount,
       hold.captured, hold.corrected, hold.state, hold.lease_until,
       array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
       array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
  FROM holds AS hold
  JOIN hold_lots AS portion
    ON portion.organisation_id = hold.organisation_id
   AND portion.hold_id = hold.id
 WHERE hold.organisation_id = %(organisation)s
   AND hold.state = 'held'
 GROUP BY hold.organisation_id, hold.id
 ORDER BY hold.id

-- name: is_granted
SELECT EXISTS (SELECT
                 FROM lots
                WHERE organisation_id = %(organisation)s
                  AND fact = %(fact)s) AS is_granted

-- name: insert_lot
INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, lapsed, clawed_back,
                  effective_at, expires_at, ended_at, fact, root_id, unit_cost_micros, currency)
VALUES (%(organisation_id)s, %(id)s, %(source)s, %(priority)s, %(amount)s, %(remaining)s,
        %(lapsed)s, %(clawed_back)s, %(effective_at)s, %(expires_at)s, %(ended_at)s, %(fact)s,
        %(root_id)s, %(unit_cost_micros)s, %(currency)s)

-- name: update_lot
UPDATE lots
   SET remaining = %(remaining)s,
       lapsed = %(lapsed)s,
       clawed_back = %(clawed_back)s,
       ended_at = %(ended_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: insert_hold
INSERT INTO holds (organisation_id, id, subject, operation, kind_class, member, amount, captured,
                   corrected, state, lease_until, held_at, closed_at)
VALUES (%(organisation_id)s, %(id)s, %(subject)s, %(operation)s, %(kind_class)s, %(member)s,
        %(amount)s, %(captured)s, %(corrected)s, %(state)s, %(lease_until)s, %(at)s,
        %(closed_at)s)

-- name: update_hold
-- What was decided was decided about the hold as it is, so a hold closes once.
UPDATE holds
   SET captured = %(captured)s,
       corrected = %(corrected)s,
       state = %(state)s,
       lease_until = %(lease_until)s,
       closed_at = coalesce(closed_at, %(closed_at)s)
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND state = %(state_before)s
   AND corrected = %(corrected_before)s

-- name: insert_portion
INSERT INTO hold_lots (organisation_id, hold_id, position, lot_id, amount)
VALUES (%(organisation_id)s, %(hold_id)s, %(position)s, %(lot_id)s, %(amount)s)

-- name: insert_line
INSERT INTO journal (organisation_id, sequence, at, debit, credit, amount, action, hold_id,
                     lot_id, actor, subject)
VALUES (%(organisation_id)s, %(sequence)s, %(at)s, %(debit)s, %(credit)s, %(amount)s, %(action)s,
        %(hold_id)s, %(lot_id)s, %(actor)s, %(subject)s)

-- name: update_wallet
-- What was decided was decided about the wallet as it is.
UPDATE wallets
   SET available = %(available)s,
       held = %(held)s,
       debt = %(debt)s,
       version = %(version)s,
       watch_granted = %(watch_granted)s,
       watch_since = %(watch_since)s,
       watch_told = %(watch_told)s
 WHERE organisation_id = %(organisation_id)s
   AND version = %(version_before)s
   AND available = %(available_before)s
   AND held = %(held_before)s
   AND debt = %(debt_before)s

-- name: select_balance
-- One statement, hence one instant: a row for each lot, then one for each hold whose lease is over.
WITH due AS MATERIALIZED (
    SELECT hold.id, hold.subject, hold.operation, hold.kind_class, hold.member, hold.amount,
           hold.captured, hold.corrected, hold.state, hold.lease_until,
           array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
           array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
      FROM holds AS hold
      JOIN hold_lots AS portion
        ON portion.organisation_id = hold.organisation_id
       AND portion.hold_id = hold.id
     WHERE hold.organisation_id = %(organisation)s
       AND hold.state = 'held'
       AND hold.lease_until <= %(now)s
     GROUP BY hold.organisation_id, hold.id
)
SELECT wallet.available, wallet.held, wallet.debt, wallet.version,
       lot.id, lot.amount,
       lot.source, lot.priority, lot.remaining, lot.lapsed, lot.clawed_back, lot.effective_at,
       lot.expires_at, lot.ended_at, lot.fact, lot.root_id, lot.unit_cost_micros,
       lot.currency,
       NULL::uuid AS subject, NULL AS operation, NULL AS kind_class, NULL AS member,
       NULL::bigint AS captured, NULL::bigint AS corrected, NULL::hold_state AS state,
       NULL::timestamptz AS lease_until, NULL::uuid[] AS portion_lots,
       NULL::bigint[] AS portion_amounts
  FROM wallets AS wallet
  LEFT JOIN lots AS lot
    ON lot.organisation_id = wallet.organisation_id
   AND (lot.remaining > 0 OR lot.id IN (SELECT unnest(due.portion_lots) FROM due))
 WHERE wallet.organisation_id = %(organisation)s
UNION ALL
SELECT NULL, NULL, NULL, NULL,
       due.id, due.amount,
       NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL,
       due.subject, due.operation, due.kind_class, due.member,
       due.captured, due.corrected, due.state,
       due.lease_until, due.portion_lots,
       due.portion_amounts
  FROM due
 ORDER BY id

-- name: count_open_holds
SELECT count(*) AS count
  FROM holds
 WHERE organisation_id = %(organisation)s
   AND state = 'held'

-- name: lines_by_day
SELECT (at AT TIME ZONE 'UTC')::date AS day, count(*) AS lines
  FROM journal
 WHERE organisation_id = %(organisation)s
 GROUP BY 1

-- name: flows
SELECT line.debit, line.credit, line.action, hold.operation, sum(line.amount) AS credits,
       line.at >= %(since)s AS is_within
  FROM journal AS line
  LEFT JOIN holds AS hold
    ON hold.organisation_id = line.organisation_id
   AND hold.id = line.hold_id
 WHERE line.organisation_id = %(organisation)s
   AND line.at < %(until)s
 GROUP BY line.debit, line.credit, line.action, hold.operation, is_within

-- name: select_journal
SELECT sequence, at, debit, credit, amount, action, hold_id, lot_id, actor, subject
  FROM journal
 WHERE organisation_id = %(organisation)s
   AND (%(before)s::bigint IS NULL OR sequence < %(before)s)
 ORDER BY sequence DESC
 LIMIT %(limit)s
