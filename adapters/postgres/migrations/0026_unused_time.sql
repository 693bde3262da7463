-- What a change to a lesser tariff took back of a period's credits, with the money for its unused
-- time.  Null: nothing of its time was given up.
ALTER TABLE paid_periods ADD COLUMN given_back bigint;
-- No row had a number before: there is nothing to validate.
ALTER TABLE paid_periods ADD CONSTRAINT no_more_is_given_back_than_was_granted
    CHECK (given_back BETWEEN 0 AND credits) NOT VALID;
-- A period may be paid with a payment that is looked at later.
GRANT UPDATE (payment, amount_minor, given_back) ON paid_periods TO tallystick_app;
