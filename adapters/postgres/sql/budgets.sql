-- name: used
SELECT reserved, spent
  FROM native_budgets
 WHERE organisation_id = %(organisation)s
   AND network = %(network)s
   AND day = %(day)s

-- name: reserve
INSERT INTO native_budgets (organisation_id, network, day, reserved, spent)
VALUES (%(organisation)s, %(network)s, %(day)s, %(amount)s, 0)
    ON CONFLICT (organisation_id, network, day) DO UPDATE
   SET reserved = native_budgets.reserved + EXCLUDED.reserved

-- name: insert_reservation
INSERT INTO native_reservations (organisation_id, operation_id, number, network, day, amount)
SELECT %(organisation)s, %(operation)s, 1 + count(*), %(network)s, %(day)s, %(amount)s
  FROM native_reservations
 WHERE organisation_id = %(organisation)s
   AND operation_id = %(operation)s

-- name: settle
-- Of several tries each counts what it took itself.
WITH settled AS (
    UPDATE native_reservations AS reservation
       SET spent = CASE
               WHEN %(spent)s::numeric IS NULL THEN reservation.amount
               ELSE greatest(0, %(spent)s::numeric
                                - (SELECT coalesce(sum(earlier.spent), 0)
                                     FROM native_reservations AS earlier
                                    WHERE earlier.organisation_id = reservation.organisation_id
                                      AND earlier.operation_id = reservation.operation_id
                                      AND earlier.number < reservation.number))
               END
     WHERE reservation.organisation_id = %(organisation)s
       AND reservation.operation_id = %(operation)s
       AND reservation.spent IS NULL
    RETURNING reservation.network, reservation.day, reservation.amount, reservation.spent
)
UPDATE native_budgets AS budget
   SET reserved = budget.reserved - settled.amount,
       spent = budget.spent + settled.spent
  FROM settled
 WHERE budget.organisation_id = %(organisation)s
   AND budget.network = settled.network
   AND budget.day = settled.day
