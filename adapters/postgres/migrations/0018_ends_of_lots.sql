-- A lot that is ended early keeps the expiry that it was granted with: what holds took by it before
-- can be proven afterwards.
ALTER TABLE lots
    ADD COLUMN ended_at timestamptz;

GRANT UPDATE (ended_at) ON lots TO tallystick_app;

-- What had lapsed before it was counted: what expired in a lot, and what holds gave back to it too
-- late (behind the part of their portions that they had captured).  The tables' owner sees no row of
-- an organisation; for this one statement it is the role that does.
GRANT SELECT ON lots, holds, hold_lots, journal TO tallystick_narrow;
GRANT UPDATE (lapsed) ON lots TO tallystick_narrow;
SET LOCAL ROLE tallystick_narrow;

WITH portions AS (
    SELECT portion.organisation_id, portion.hold_id, portion.lot_id, portion.amount,
           sum(portion.amount) OVER (PARTITION BY portion.organisation_id, portion.hold_id
                                         ORDER BY portion.position) AS up_to_it
      FROM public.hold_lots AS portion
), lapses AS (
    SELECT line.organisation_id, line.lot_id, line.amount
      FROM public.journal AS line
     WHERE line.debit = 'available'
       AND line.credit = 'expired'
    UNION ALL
    SELECT line.organisation_id, portions.lot_id,
           least(portions.amount, portions.up_to_it - hold.captured)
      FROM public.journal AS line
      JOIN public.holds AS hold
        ON hold.organisation_id = line.organisation_id
       AND hold.id = line.hold_id
      JOIN portions
        ON portions.organisation_id = line.organisation_id
       AND portions.hold_id = line.hold_id
      JOIN public.lots AS lot
        ON lot.organisation_id = portions.organisation_id
       AND lot.id = portions.lot_id
     WHERE line.debit = 'held'
       AND line.credit = 'expired'
       AND lot.expires_at <= line.at
       AND portions.up_to_it > hold.captured
), lapsed AS (
    SELECT organisation_id, lot_id, sum(amount) AS amount
      FROM lapses
     GROUP BY organisation_id, lot_id
)
UPDATE public.lots AS lot
   SET lapsed = lapsed.amount
  FROM lapsed
 WHERE lot.organisation_id = lapsed.organisation_id
   AND lot.id = lapsed.lot_id
   AND lot.lapsed = 0;

SET LOCAL ROLE tallystick_migrator;
REVOKE SELECT ON lots, holds, hold_lots, journal FROM tallystick_narrow;
REVOKE UPDATE (lapsed) ON lots FROM tallystick_narrow;
