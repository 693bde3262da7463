-- What an address of ours held when a worker last looked, in base units, and the level that was
-- told of it: so that a threshold is told once when it is crossed, whoever looks next.
ALTER TABLE signers
    ADD COLUMN balance numeric(78),
    ADD COLUMN balance_level text,
    ADD COLUMN balance_seen_at timestamptz;

ALTER TABLE signers ADD CONSTRAINT a_balance_was_seen_at_a_time CHECK (
    num_nonnulls(balance, balance_level, balance_seen_at) IN (0, 3)
) NOT VALID;
ALTER TABLE signers ADD CONSTRAINT a_balance_has_a_level CHECK (
    balance >= 0 AND balance_level IN ('enough', 'low', 'empty')
) NOT VALID;

GRANT UPDATE (balance, balance_level, balance_seen_at) ON signers TO tallystick_app;
