-- A hold is placed, and what it forbids is done, under one lock: an advisory one, because what a
-- hold forbids may be of any organisation.  These two ask under it what holds there are, without
-- leaving the transaction; see 0007.  The owner of the tables asks as well, who drops a month.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT (subject, since, until) ON legal_holds TO tallystick_narrow;

CREATE FUNCTION narrow.legal_holds_over(since timestamptz, until timestamptz)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id
      FROM public.legal_holds AS hold
     WHERE hold.lifted_at IS NULL
       AND (hold.since IS NULL OR hold.since < legal_holds_over.until)
       AND (hold.until IS NULL OR hold.until > legal_holds_over.since)
     ORDER BY hold.placed_at, hold.organisation_id, hold.id
$$;

CREATE FUNCTION narrow.legal_holds_on(organisations uuid[], subjects text[])
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id
      FROM public.legal_holds AS hold
     WHERE hold.lifted_at IS NULL
       AND hold.organisation_id = ANY (organisations)
       AND (hold.subject IS NULL OR hold.subject = ANY (subjects))
     ORDER BY hold.placed_at, hold.organisation_id, hold.id
$$;

-- API keys that whoever is erased has made, in all their organisations: they die with the person,
-- in one transaction.  Of nobody who is not erased.
GRANT SELECT (organisation_id, id, user_id) ON members TO tallystick_narrow;
GRANT SELECT (user_id, destroyed_at) ON subject_keys TO tallystick_narrow;
GRANT UPDATE (revoked_at) ON api_keys TO tallystick_narrow;

CREATE FUNCTION narrow.revoke_api_keys_of_erased(erased uuid, now timestamptz) RETURNS bigint
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH revoked AS (
        UPDATE public.api_keys AS key
           SET revoked_at = now
          FROM public.members AS member
          JOIN public.subject_keys AS subject ON subject.user_id = member.user_id
         WHERE member.user_id = erased
           AND subject.destroyed_at IS NOT NULL
           AND key.organisation_id = member.organisation_id
           AND key.created_by = member.id
           AND key.revoked_at IS NULL
        RETURNING key.id)
    SELECT count(*) FROM revoked
$$;

ALTER FUNCTION narrow.legal_holds_over(timestamptz, timestamptz) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.legal_holds_on(uuid[], text[]) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.revoke_api_keys_of_erased(uuid, timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.legal_holds_over(timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.legal_holds_on(uuid[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.revoke_api_keys_of_erased(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.legal_holds_over(timestamptz, timestamptz)
   TO tallystick_app, tallystick_migrator;
GRANT EXECUTE ON FUNCTION narrow.month_volume(timestamptz, timestamptz) TO tallystick_migrator;
GRANT EXECUTE ON FUNCTION narrow.legal_holds_on(uuid[], text[]) TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.revoke_api_keys_of_erased(uuid, timestamptz) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;

-- Files are deleted outside of any transaction: that it begins is written first, under the lock,
-- so that whoever places a hold afterwards is told what it comes too late for.
ALTER TABLE archives ADD COLUMN deletion_begun_at timestamptz;
GRANT UPDATE (deletion_begun_at) ON archives TO tallystick_app;
