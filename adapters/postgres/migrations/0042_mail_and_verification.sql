-- Who has shown that mail to their address reaches them.  A table of its own: an organisation may
-- ask it of its members without seeing their addresses.
CREATE TABLE verifications (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    verified_at timestamptz NOT NULL
);

ALTER TABLE verifications ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_user ON verifications
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

CREATE POLICY read_by_their_organisations ON verifications FOR SELECT
USING (user_id IN (SELECT member.user_id
                     FROM members AS member
                    WHERE member.organisation_id
                          = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid)));

GRANT SELECT, INSERT ON verifications TO tallystick_app;

-- Whoever is removed keeps a row, for what others have of them: ids.  The policy is a second wall,
-- also for the release before this one, which knows no end of a membership.
ALTER TABLE members ADD COLUMN removed_at timestamptz;
GRANT UPDATE (role, removed_at) ON members TO tallystick_app;

ALTER POLICY seen_by_the_user ON members
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
       AND removed_at IS NULL);

-- Mail that is to be sent, and the token in it until it is used or over.  Whatever is personal or
-- secret in it is ciphertext, and is forgotten as soon as nobody needs it.  A letter about a
-- person belongs to the installation, an invitation to its organisation.
CREATE TABLE letters (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    -- No reference: of a registration there is no user before it is finished.
    user_id uuid,
    wrapping text,
    ciphertext bytea,
    -- SHA-256 of the token's secret; none: nothing can be done with this letter.
    secret_hash bytea CHECK (octet_length(secret_hash) = 32),
    written_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('queued', 'sent', 'given_up')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz,
    used_at timestamptz,
    CONSTRAINT letters_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT what_is_sealed_names_its_key CHECK ((wrapping IS NULL) = (ciphertext IS NULL)),
    CONSTRAINT what_is_queued_is_due CHECK ((due_at IS NOT NULL) = (state = 'queued'))
);

CREATE INDEX letters_due ON letters (due_at) WHERE state = 'queued';
CREATE INDEX letters_expires_at ON letters (expires_at);
CREATE INDEX letters_user ON letters (user_id) WHERE user_id IS NOT NULL;

ALTER TABLE letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON letters
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

-- Whoever follows a letter acts for an organisation of their own.
CREATE POLICY belongs_to_the_user ON letters
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

GRANT SELECT, INSERT, UPDATE (wrapping, ciphertext, state, attempts, due_at, used_at)
   ON letters TO tallystick_app;
GRANT SELECT (organisation_id, id, state, due_at, expires_at), DELETE
   ON letters TO tallystick_narrow;

-- Two more ways past row-level security, see 0007: which letters wait to be sent, and forgetting
-- those that are over.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.letters_due(now timestamptz, at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT letter.organisation_id, letter.id
      FROM public.letters AS letter
     WHERE letter.state = 'queued'
       AND letter.due_at <= now
     ORDER BY letter.due_at, letter.organisation_id, letter.id
     LIMIT at_most
$$;

CREATE FUNCTION narrow.purge_letters(before timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH forgotten AS (
        DELETE FROM public.letters
         WHERE expires_at < least(before, clock_timestamp())
     RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

ALTER FUNCTION narrow.letters_due(timestamptz, integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.purge_letters(timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.letters_due(timestamptz, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.purge_letters(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.letters_due(timestamptz, integer) TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.purge_letters(timestamptz) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
