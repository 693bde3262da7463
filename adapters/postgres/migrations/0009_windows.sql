-- Slots that close by themselves: a lease for a window of rounds (Algorand).

-- open -> expired: the window is over, and no attempt landed in it
ALTER TYPE slot_state ADD VALUE 'expired' AFTER 'lost';

-- The whole genesis hash, where the CAIP-2 name holds but a part of it.
ALTER TABLE networks ADD COLUMN genesis text;

-- No row had a lease before: there is nothing to validate.
ALTER TABLE slots ADD CONSTRAINT a_lease_has_a_window
    CHECK ((lease IS NULL) = (valid_until IS NULL)) NOT VALID;
