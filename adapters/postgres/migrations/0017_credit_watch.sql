-- What is remembered so that running low is told once per threshold and period.
ALTER TABLE wallets
    ADD COLUMN watch_granted bigint,
    ADD COLUMN watch_since timestamptz,
    ADD COLUMN watch_told bigint,
    ADD CONSTRAINT what_is_watched_has_a_period
        CHECK ((watch_granted IS NULL) = (watch_since IS NULL)) NOT VALID;

GRANT UPDATE (watch_granted, watch_since, watch_told) ON wallets TO tallystick_app;
