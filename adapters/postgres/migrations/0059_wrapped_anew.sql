-- Two more ways past row-level security, see 0007: what is wrapped by other keys than the one that
-- wraps now, table by table, and how much.  They tell places only: a secret is read, and wrapped
-- anew, in the scope of whom it belongs to.
--
--   wrapped_by_others         places behind one, in their order
--   count_wrapped_by_others   how many are left
GRANT UPDATE (wrapping, ciphertext) ON webhook_secrets TO tallystick_app;

GRANT SELECT (organisation_id, name, wrapping) ON sealed_secrets TO tallystick_narrow;
GRANT SELECT (organisation_id, endpoint_id, number, wrapping)
   ON webhook_secrets TO tallystick_narrow;
GRANT SELECT (user_id, wrapping) ON subject_keys TO tallystick_narrow;
GRANT SELECT (organisation_id, id, wrapping) ON letters TO tallystick_narrow;

GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.wrapped_by_others(
    current_key text, after_sort integer, after_organisation uuid, after_name text, at_most integer
) RETURNS TABLE (sort integer, organisation_id uuid, name text)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT place.sort, place.organisation_id, place.name
      FROM (SELECT 1 AS sort, secret.organisation_id, secret.name COLLATE "C" AS name,
                   secret.wrapping
              FROM public.sealed_secrets AS secret
             UNION ALL
            SELECT 2, secret.organisation_id,
                   (secret.endpoint_id || '/' || secret.number) COLLATE "C", secret.wrapping
              FROM public.webhook_secrets AS secret
             UNION ALL
            SELECT 3, '00000000-0000-0000-0000-000000000000', subject.user_id::text COLLATE "C",
                   subject.wrapping
              FROM public.subject_keys AS subject
             WHERE subject.wrapping IS NOT NULL
             UNION ALL
            SELECT 4, letter.organisation_id, letter.id::text COLLATE "C", letter.wrapping
              FROM public.letters AS letter
             WHERE letter.wrapping IS NOT NULL) AS place
     WHERE place.wrapping <> current_key
       AND (place.sort, place.organisation_id, place.name)
           > (after_sort, after_organisation, after_name COLLATE "C")
     ORDER BY place.sort, place.organisation_id, place.name
     LIMIT at_most
$$;

CREATE FUNCTION narrow.count_wrapped_by_others(current_key text) RETURNS bigint
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT count(*) FROM public.sealed_secrets WHERE wrapping <> current_key)
         + (SELECT count(*) FROM public.webhook_secrets WHERE wrapping <> current_key)
         + (SELECT count(*) FROM public.subject_keys WHERE wrapping <> current_key)
         + (SELECT count(*) FROM public.letters WHERE wrapping <> current_key)
$$;

ALTER FUNCTION narrow.wrapped_by_others(text, integer, uuid, text, integer)
    OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.count_wrapped_by_others(text) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.wrapped_by_others(text, integer, uuid, text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.count_wrapped_by_others(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.wrapped_by_others(text, integer, uuid, text, integer)
   TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.count_wrapped_by_others(text) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
