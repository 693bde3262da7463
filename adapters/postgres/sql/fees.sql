-- name: insert_rate
INSERT INTO rates (network, currency, at, price, source)
VALUES (%(network)s, %(currency)s, %(at)s, %(price)s, %(source)s)
    ON CONFLICT DO NOTHING

-- name: newest_rate
SELECT price, currency, source, at
  FROM rates
 WHERE network = %(network)s
   AND currency = %(currency)s
   AND at <= %(now)s
 ORDER BY at DESC
 LIMIT 1

-- name: insert_line
INSERT INTO fee_lines (organisation_id, fact, deployment_id, kind, live, at, currency,
                       amount_minor, basis_points, decimals, costs, declared_minor,
                       declared_currency)
VALUES (%(organisation)s, %(fact)s, %(deployment_id)s, %(kind)s, %(live)s, %(at)s, %(currency)s,
        %(amount_minor)s, %(basis_points)s, %(decimals)s, %(costs)s, %(declared_minor)s,
        %(declared_currency)s)
    ON CONFLICT DO NOTHING

-- name: select_line
SELECT deployment_id, kind, live, at, currency, amount_minor, basis_points, decimals, costs,
       declared_minor, declared_currency, invoice_item
  FROM fee_lines
 WHERE organisation_id = %(organisation)s
   AND fact = %(fact)s

-- name: unpriced
SELECT deployment_id, kind, live, at, currency, amount_minor, basis_points, decimals, costs,
       declared_minor, declared_currency, invoice_item
  FROM fee_lines
 WHERE organisation_id = %(organisation)s
   AND amount_minor IS NULL
 ORDER BY at, fact

-- name: price
UPDATE fee_lines
   SET amount_minor = %(amount_minor)s,
       costs = %(costs)s
 WHERE organisation_id = %(organisation)s
   AND fact = %(fact)s
   AND amount_minor IS NULL

-- name: unbilled
SELECT deployment_id, kind, live, at, currency, amount_minor, basis_points, decimals, costs,
       declared_minor, declared_currency, invoice_item
  FROM fee_lines
 WHERE organisation_id = %(organisation)s
   AND amount_minor > 0
   AND invoice_item IS NULL
 ORDER BY at, fact

-- name: mark_billed
-- The first one stays.
UPDATE fee_lines
   SET invoice_item = %(invoice_item)s,
       billed_at = %(at)s
 WHERE organisation_id = %(organisation)s
   AND fact = %(fact)s
   AND amount_minor IS NOT NULL
   AND invoice_item IS NULL

-- name: between
SELECT deployment_id, kind, live, at, currency, amount_minor, basis_points, decimals, costs,
       declared_minor, declared_currency, invoice_item
  FROM fee_lines
 WHERE organisation_id = %(organisation)s
   AND at >= %(since)s
   AND at < %(until)s
 ORDER BY at, fact

-- name: owing
SELECT organisation_id FROM narrow.open_fees(%(after)s, %(limit)s)
