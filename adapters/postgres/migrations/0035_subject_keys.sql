-- The data key of each person, wrapped.  Personal fields of audit events are ciphertext under it,
-- so to destroy it is to erase them wherever they were copied to.  A table of its own, so that it
-- can be left out of backups that are kept for long: a key in an old backup is not destroyed.
CREATE TABLE subject_keys (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    wrapping text,
    ciphertext bytea,
    made_at timestamptz NOT NULL,
    destroyed_at timestamptz,
    CONSTRAINT a_destroyed_key_is_gone
        CHECK (num_nonnulls(wrapping, ciphertext)
               = CASE WHEN destroyed_at IS NULL THEN 2 ELSE 0 END)
);

-- Its row stays, and nobody may delete it: so nobody makes another key by mistake.
CREATE TRIGGER a_destroyed_key_stays_destroyed
    AFTER UPDATE ON subject_keys
    FOR EACH ROW WHEN (OLD.destroyed_at IS NOT NULL)
    EXECUTE FUNCTION public.what_is_over_stays_over();

ALTER TABLE subject_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_user ON subject_keys
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

-- Whoever reads an organisation's trail needs its members' keys.
CREATE POLICY read_by_their_organisations ON subject_keys FOR SELECT
USING (user_id IN (SELECT member.user_id
                     FROM members AS member
                    WHERE member.organisation_id
                          = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid)));

GRANT SELECT, INSERT, UPDATE (wrapping, ciphertext, destroyed_at) ON subject_keys TO tallystick_app;

-- Whoever is erased keeps a row, for what others have of them: ids.
GRANT UPDATE (email, password_hash) ON users TO tallystick_app;
