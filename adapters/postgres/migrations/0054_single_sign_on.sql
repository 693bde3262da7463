-- Whom a provider of log-ins means by a subject of its own.  Of the subject there is a hash only;
-- unlinked, there is nothing of it, and the row says that there was one.
CREATE TABLE identities (
    user_id uuid NOT NULL REFERENCES users (id),
    id uuid NOT NULL,
    issuer text NOT NULL,
    subject_hash bytea CHECK (octet_length(subject_hash) = 32),
    linked_at timestamptz NOT NULL,
    unlinked_at timestamptz,
    CONSTRAINT identities_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT one_user_per_subject UNIQUE (issuer, subject_hash),
    CONSTRAINT what_is_unlinked_is_forgotten CHECK ((subject_hash IS NULL) = (unlinked_at IS NOT NULL))
);

-- Whoever got somebody's address at the provider after them does not become them.
CREATE UNIQUE INDEX one_subject_per_user ON identities (user_id, issuer)
 WHERE subject_hash IS NOT NULL;

ALTER TABLE identities ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_user ON identities
USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

GRANT SELECT, INSERT, UPDATE (subject_hash, unlinked_at) ON identities TO tallystick_app;
GRANT SELECT (user_id, issuer, subject_hash) ON identities TO tallystick_narrow;

-- Somebody was sent to the provider and may come back once.  A flow belongs to the installation:
-- who comes back is not known yet.
CREATE TABLE sign_in_flows (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    issuer text NOT NULL,
    -- What the session is to act for, or what a new organisation is to be called.  No references:
    -- it is what somebody asked for, and looked at when they come back.
    wanted uuid,
    name text,
    user_id uuid,
    session_id uuid,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_in_flows_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT who_links_is_logged_in CHECK ((user_id IS NULL) = (session_id IS NULL))
);

CREATE INDEX sign_in_flows_expires_at ON sign_in_flows (expires_at);

ALTER TABLE sign_in_flows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON sign_in_flows
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT, INSERT, UPDATE (used_at) ON sign_in_flows TO tallystick_app;
GRANT SELECT (organisation_id, id, expires_at), DELETE ON sign_in_flows TO tallystick_narrow;

-- Two more ways past row-level security, see 0007: who has an identity, and forgetting flows that
-- are over.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.find_identity(of_issuer text, of_subject bytea) RETURNS uuid
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT identity.user_id
      FROM public.identities AS identity
     WHERE identity.issuer = of_issuer
       AND identity.subject_hash = of_subject
$$;

CREATE FUNCTION narrow.purge_sign_in_flows(before timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH forgotten AS (
        DELETE FROM public.sign_in_flows
         WHERE expires_at < least(before, clock_timestamp())
     RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

ALTER FUNCTION narrow.find_identity(text, bytea) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.purge_sign_in_flows(timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.find_identity(text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.purge_sign_in_flows(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.find_identity(text, bytea) TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.purge_sign_in_flows(timestamptz) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
