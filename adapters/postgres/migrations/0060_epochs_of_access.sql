-- Whatever lets somebody in is of the epoch of access in which it was made, and dead in a later one.
-- What the release before this one adds meanwhile is of the first: nothing raises the epoch yet.
ALTER TABLE sessions ADD COLUMN auth_epoch integer NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN auth_epoch integer NOT NULL DEFAULT 0;
ALTER TABLE letters ADD COLUMN auth_epoch integer NOT NULL DEFAULT 0;
ALTER TABLE sign_in_flows ADD COLUMN auth_epoch integer NOT NULL DEFAULT 0;

-- An API key is enabled again.
GRANT UPDATE (auth_epoch) ON api_keys TO tallystick_app;
GRANT SELECT (auth_epoch), UPDATE (auth_epoch) ON installation TO tallystick_narrow;

-- One more way past what the application may, see 0007: the epoch goes up by one, never down, and
-- in the scope of the installation only.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.advance_auth_epoch() RETURNS integer
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.installation
       SET auth_epoch = auth_epoch + 1
     WHERE nullif(current_setting('app.organisation_id', true), '')
           = '00000000-0000-0000-0000-000000000000'
 RETURNING auth_epoch
$$;

ALTER FUNCTION narrow.advance_auth_epoch() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.advance_auth_epoch() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.advance_auth_epoch() TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
