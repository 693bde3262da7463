-- name: lock_wallet
-- The one lock of a command.  What is read after it, in statements of their own, is what the
-- holder before us left behind.
SELECT available, held, version
  FROM wallets
 WHERE organisation_id = %(organisation)s
   FOR UPDATE

-- name: select_lots
SELECT lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.effective_at,
       lot.expires_at, lot.fact, lot.unit_cost_micros, lot.currency
  FROM lots AS lot
 WHERE lot.organisation_id = %(organisation)s
   AND (lot.remaining > 0
        OR lot.id IN (SELECT lot_id
                        FROM hold_lots
                       WHERE organisation_id = %(organisation)s
                         AND hold_id = ANY(%(holds)s)))
 ORDER BY lot.id

-- name: select_holds
SELECT hold.id, hold.subject, hold.amount, hold.captured, hold.state,
       array_agg(portion.lot_id ORDER BY portion.position) AS portion_lots,
       array_agg(portion.amount ORDER BY portion.position) AS portion_amounts
  FROM holds AS hold
  JOIN hold_lots AS portion
    ON portion.organisation_id = hold.organisation_id
   AND portion.hold_id = hold.id
 WHERE hold.organisation_id = %(organisation)s
   AND hold.id = ANY(%(holds)s)
 GROUP BY hold.organisation_id, hold.id
 ORDER BY hold.id

-- name: is_granted
SELECT EXISTS (SELECT
                 FROM lots
                WHERE organisation_id = %(organisation)s
                  AND fact = %(fact)s) AS is_granted

-- name: insert_lot
INSERT INTO lots (organisation_id, id, source, priority, amount, remaining, effective_at,
                  expires_at, fact, unit_cost_micros, currency)
VALUES (%(organisation_id)s, %(id)s, %(source)s, %(priority)s, %(amount)s, %(remaining)s,
        %(effective_at)s, %(expires_at)s, %(fact)s, %(unit_cost_micros)s, %(currency)s)

-- name: update_lot
UPDATE lots
   SET remaining = %(remaining)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: insert_hold
INSERT INTO holds (organisation_id, id, subject, amount, captured, state, held_at, closed_at)
VALUES (%(organisation_id)s, %(id)s, %(subject)s, %(amount)s, %(captured)s, %(state)s, %(at)s,
        %(closed_at)s)

-- name: close_hold
-- A hold closes once.
UPDATE holds
   SET captured = %(captured)s,
       state = %(state)s,
       closed_at = %(closed_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND state = 'held'

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
       version = %(version)s
 WHERE organisation_id = %(organisation_id)s
   AND version = %(version_before)s
   AND available = %(available_before)s
   AND held = %(held_before)s

-- name: select_balance
-- One statement, hence one instant.
SELECT wallet.available, wallet.held, wallet.version,
       lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.effective_at,
       lot.expires_at, lot.fact, lot.unit_cost_micros, lot.currency
  FROM wallets AS wallet
  LEFT JOIN lots AS lot
    ON lot.organisation_id = wallet.organisation_id
   AND lot.remaining > 0
 WHERE wallet.organisation_id = %(organisation)s
 ORDER BY lot.id

-- name: count_open_holds
SELECT count(*) AS count
  FROM holds
 WHERE organisation_id = %(organisation)s
   AND state = 'held'

-- name: select_journal
SELECT sequence, at, debit, credit, amount, action, hold_id, lot_id, actor, subject
  FROM journal
 WHERE organisation_id = %(organisation)s
   AND (%(before)s::bigint IS NULL OR sequence < %(before)s)
 ORDER BY sequence DESC
 LIMIT %(limit)s
