-- One more way past what a role may, see 0007: the ids of the keys that a member of the scope's
-- organisation has made.  What these take counts for the member's quota, and whoever verifies the
-- ledger sees nothing else of a key.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.keys_made_by(member uuid) RETURNS TABLE (id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT key.id
      FROM public.api_keys AS key
     WHERE key.organisation_id
           = nullif(current_setting('app.organisation_id', true), '')::uuid
       AND key.created_by = member
$$;

ALTER FUNCTION narrow.keys_made_by(uuid) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.keys_made_by(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.keys_made_by(uuid) TO tallystick_app, tallystick_readonly;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
