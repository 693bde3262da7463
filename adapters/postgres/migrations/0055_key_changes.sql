-- What is done to the keys of issuing accounts, and which keys an account had before.

ALTER TYPE operation_kind ADD VALUE 'rekey' AFTER 'anchor';

-- Every key but the account's own: reference, curve, public key, the address that it was to rule,
-- and whether it still signs.  A handful, always read with the account and written under its lock.
ALTER TABLE accounts
    ADD COLUMN further_keys jsonb NOT NULL DEFAULT '[]'
        CONSTRAINT further_keys_are_a_list CHECK (jsonb_typeof(further_keys) = 'array');

GRANT UPDATE (custodian, further_keys) ON accounts TO tallystick_app;

CREATE TABLE key_changes (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    action text NOT NULL CHECK (action IN ('rotate', 'move', 'rekey', 'disable')),
    custodian text NOT NULL,
    key_ref text,
    state text NOT NULL CHECK (state IN ('requested', 'under_way', 'completed', 'failed')),
    code text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT key_changes_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_key_change_is_of_an_account
        FOREIGN KEY (organisation_id, account_id) REFERENCES accounts (organisation_id, id),
    CONSTRAINT what_is_under_way_has_its_key CHECK (state <> 'under_way' OR key_ref IS NOT NULL),
    CONSTRAINT an_ended_change_says_when
        CHECK ((ended_at IS NULL) = (state IN ('requested', 'under_way'))),
    CONSTRAINT a_failed_change_says_why CHECK ((code IS NULL) = (state <> 'failed'))
);

CREATE UNIQUE INDEX one_open_change_per_account
    ON key_changes (organisation_id, account_id)
 WHERE ended_at IS NULL;
CREATE INDEX key_changes_of_account ON key_changes (organisation_id, account_id, id);

ALTER TABLE key_changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belongs_to_the_scope ON key_changes
    USING (organisation_id
           = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
    WITH CHECK (organisation_id
           = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));
GRANT SELECT, INSERT ON key_changes TO tallystick_app;
GRANT UPDATE (key_ref, state, code, ended_at) ON key_changes TO tallystick_app;
GRANT SELECT ON key_changes TO tallystick_readonly;
GRANT SELECT (organisation_id, id, requested_at, ended_at) ON key_changes TO tallystick_narrow;

-- One more way past row-level security, see 0007: which changes workers have to go on with.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.open_key_changes(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT change.organisation_id, change.id
      FROM public.key_changes AS change
     WHERE change.ended_at IS NULL
     ORDER BY change.requested_at, change.id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.open_key_changes(integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.open_key_changes(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.open_key_changes(integer) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
