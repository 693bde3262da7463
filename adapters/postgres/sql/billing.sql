-- name: open
INSERT INTO payers (organisation_id)
VALUES (%(organisation)s)
    ON CONFLICT (organisation_id) DO NOTHING

-- name: lock
-- A statement of its own, after the row is there: what it reads is what the holder before us left.
SELECT customer
  FROM payers
 WHERE organisation_id = %(organisation)s
   FOR UPDATE

-- name: customer
SELECT customer
  FROM payers
 WHERE organisation_id = %(organisation)s

-- name: bind
UPDATE payers
   SET customer = %(customer)s,
       bound_at = %(at)s
 WHERE organisation_id = %(organisation)s
   AND customer IS NULL

-- name: find_payer
SELECT narrow.find_payer(%(customer)s) AS organisation_id

-- name: draw
SELECT nextval('payment_versions') AS version

-- name: record
INSERT INTO payment_events (organisation_id, id, kind, about, subject, live, created_at,
                            recorded_at)
VALUES (%(organisation)s, %(id)s, %(kind)s, %(about)s, %(subject)s, %(live)s, %(created_at)s,
        %(recorded_at)s)
    ON CONFLICT (organisation_id, id) DO NOTHING

-- name: is_recorded
SELECT narrow.is_payment_event(%(id)s) AS is_recorded

-- name: select_purchase
SELECT payment, pack, credits, amount_minor, currency, paid_at, refunded_minor, version
  FROM purchases
 WHERE organisation_id = %(organisation)s
   AND payment = %(payment)s

-- name: newest_purchase
-- What went back to the payer paid for nothing.
SELECT max(paid_at) AS paid_at
  FROM purchases
 WHERE organisation_id = %(organisation)s
   AND refunded_minor < amount_minor

-- name: put_purchase
-- What was paid stays as it was paid.
INSERT INTO purchases (organisation_id, payment, pack, credits, amount_minor, currency, paid_at,
                       refunded_minor, version)
VALUES (%(organisation)s, %(payment)s, %(pack)s, %(credits)s, %(amount_minor)s, %(currency)s,
        %(paid_at)s, %(refunded_minor)s, %(version)s)
    ON CONFLICT (organisation_id, payment) DO UPDATE
   SET refunded_minor = EXCLUDED.refunded_minor,
       version = EXCLUDED.version
 WHERE purchases.version <= EXCLUDED.version

-- name: select_subscriptions
SELECT id, tariff, period_start, period_end, first_failure_at, cancelled_at, ends_at,
       ended_at, trial_ends_at, left_at, version
  FROM subscriptions
 WHERE organisation_id = %(organisation)s
   AND (%(id)s::text IS NULL OR id = %(id)s)
 ORDER BY id COLLATE "C"

-- name: put_subscription
INSERT INTO subscriptions (organisation_id, id, tariff, period_start, period_end,
                           first_failure_at, cancelled_at, ends_at, ended_at, trial_ends_at,
                           left_at, version)
VALUES (%(organisation)s, %(id)s, %(tariff)s, %(period_start)s, %(period_end)s,
        %(first_failure_at)s, %(cancelled_at)s, %(ends_at)s, %(ended_at)s, %(trial_ends_at)s,
        %(left_at)s, %(version)s)
    ON CONFLICT (organisation_id, id) DO UPDATE
   SET tariff = EXCLUDED.tariff,
       period_start = EXCLUDED.period_start,
       period_end = EXCLUDED.period_end,
       first_failure_at = EXCLUDED.first_failure_at,
       cancelled_at = EXCLUDED.cancelled_at,
       ends_at = EXCLUDED.ends_at,
       ended_at = EXCLUDED.ended_at,
       trial_ends_at = EXCLUDED.trial_ends_at,
       left_at = EXCLUDED.left_at,
       version = EXCLUDED.version
 WHERE subscriptions.version <= EXCLUDED.version

-- name: select_periods
SELECT subscription, price, tariff, starts_at, ends_at, payment, amount_minor, currency, paid_at,
       refunded_minor, credits, given_back
  FROM paid_periods
 WHERE organisation_id = %(organisation)s
   AND subscription = %(subscription)s
 ORDER BY starts_at, paid_at, price COLLATE "C"

-- name: put_period
INSERT INTO paid_periods (organisation_id, subscription, price, tariff, starts_at, ends_at,
                          payment, amount_minor, currency, paid_at, refunded_minor, credits,
                          given_back)
VALUES (%(organisation)s, %(subscription)s, %(price)s, %(tariff)s, %(starts_at)s, %(ends_at)s,
        %(payment)s, %(amount_minor)s, %(currency)s, %(paid_at)s, %(refunded_minor)s, %(credits)s,
        %(given_back)s)
    ON CONFLICT (organisation_id, subscription, price, starts_at) DO UPDATE
   SET payment = EXCLUDED.payment,
       amount_minor = EXCLUDED.amount_minor,
       refunded_minor = EXCLUDED.refunded_minor,
       credits = EXCLUDED.credits,
       given_back = EXCLUDED.given_back

-- name: select_disputes
SELECT id, payment, opened_at, closed_at, is_won
  FROM disputes
 WHERE organisation_id = %(organisation)s
   AND (%(payment)s::text IS NULL OR payment = %(payment)s)
 ORDER BY id COLLATE "C"

-- name: put_dispute
INSERT INTO disputes (organisation_id, id, payment, opened_at, closed_at, is_won)
VALUES (%(organisation)s, %(id)s, %(payment)s, %(opened_at)s, %(closed_at)s, %(is_won)s)
    ON CONFLICT (organisation_id, id) DO UPDATE
   SET closed_at = EXCLUDED.closed_at,
       is_won = EXCLUDED.is_won

-- name: select_checkout
SELECT id, item, session, url, expires_at, created_at
  FROM checkouts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: insert_checkout
INSERT INTO checkouts (organisation_id, id, item, session, url, expires_at, created_at)
VALUES (%(organisation)s, %(id)s, %(item)s, %(session)s, %(url)s, %(expires_at)s, %(created_at)s)

-- name: ended
SELECT organisation_id FROM narrow.ended_subscriptions(%(now)s, %(limit)s)

-- name: paid_lots
SELECT organisation_id, fact
  FROM narrow.paid_lots(%(since)s, %(after_organisation)s, %(after_fact)s, %(limit)s)

-- name: last_reconciliation
SELECT at, through, repaired, alarms
  FROM reconciliations
 WHERE organisation_id = %(organisation)s
 ORDER BY at DESC
 LIMIT 1

-- name: insert_reconciliation
INSERT INTO reconciliations (organisation_id, at, through, repaired, alarms)
VALUES (%(organisation)s, %(at)s, %(through)s, %(repaired)s, %(alarms)s)
    ON CONFLICT (organisation_id, at) DO NOTHING
