-- Metered holds, what is owed, and what was taken back.  Every row there is keeps the new
-- constraints by its defaults; leases that are over are found among the holds that are open.
-- held -> expired: its lease ended before anybody closed it
ALTER TYPE hold_state ADD VALUE 'expired' AFTER 'released';

ALTER TABLE wallets
    ADD COLUMN debt bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT what_is_owed_is_not_negative CHECK (debt >= 0) NOT VALID;

ALTER TABLE lots
    ADD COLUMN lapsed bigint NOT NULL DEFAULT 0,
    ADD COLUMN clawed_back bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT a_credit_is_in_one_place CHECK (lapsed >= 0 AND remaining + lapsed <= amount)
        NOT VALID,
    ADD CONSTRAINT no_more_is_taken_back_than_was_granted CHECK (clawed_back BETWEEN 0 AND amount)
        NOT VALID;

-- What had lapsed before this was counted: all that is gone from a lot without a hold that took it,
-- and what holds gave back too late.
UPDATE lots AS lot
   SET lapsed = coalesce((SELECT sum(line.amount)
                            FROM journal AS line
                           WHERE line.organisation_id = lot.organisation_id
                             AND line.lot_id = lot.id
                             AND line.debit = 'available'
                             AND line.credit = 'expired'), 0);

ALTER TABLE holds
    ADD COLUMN corrected bigint NOT NULL DEFAULT 0,
    ADD COLUMN operation text NOT NULL DEFAULT 'deployment' CHECK (operation <> ''),
    ADD COLUMN kind_class text NOT NULL DEFAULT 'core'
        CHECK (kind_class IN ('core', 'premium', 'compliance')),
    -- Public id of who asked.
    ADD COLUMN member text,
    -- When a metered hold frees itself; NULL: it ends with its operation.
    ADD COLUMN lease_until timestamptz,
    ADD CONSTRAINT no_more_is_corrected_than_was_captured CHECK (corrected BETWEEN 0 AND captured)
        NOT VALID;

GRANT UPDATE (debt) ON wallets TO tallystick_app;
GRANT UPDATE (lapsed, clawed_back, expires_at) ON lots TO tallystick_app;
GRANT UPDATE (corrected, lease_until) ON holds TO tallystick_app;
