-- Of which organisations the scope's user is or was a member: one more way past row-level security,
-- see 0007.  Policies show them the memberships that did not end; a legal hold of an organisation
-- that they left keeps them all the same.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT (created_at) ON members TO tallystick_narrow;

CREATE FUNCTION narrow.memberships_of_user() RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT member.organisation_id, member.id
      FROM public.members AS member
     WHERE member.user_id = nullif(current_setting('app.user_id', true), '')::uuid
     ORDER BY member.created_at, member.id
$$;

ALTER FUNCTION narrow.memberships_of_user() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.memberships_of_user() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.memberships_of_user() TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
