-- Two more ways past row-level security; see 0007.
--
--   list_organisations   ids, page by page: for what is done for each of them by timer
--   tariffs_in_use       which tariffs there are organisations on, and on each how many
GRANT SELECT (id, tariff) ON organisations TO tallystick_narrow;
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

-- Without the installation's own, which is the nil id: what no other comes before.
CREATE FUNCTION narrow.list_organisations(after_organisation uuid, at_most integer)
RETURNS TABLE (id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT organisation.id
      FROM public.organisations AS organisation
     WHERE organisation.id > after_organisation
     ORDER BY organisation.id
     LIMIT at_most
$$;

CREATE FUNCTION narrow.tariffs_in_use()
RETURNS TABLE (tariff text, organisations bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT organisation.tariff, count(*)
      FROM public.organisations AS organisation
     WHERE organisation.id > '00000000-0000-0000-0000-000000000000'
     GROUP BY organisation.tariff
$$;

ALTER FUNCTION narrow.list_organisations(uuid, integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.tariffs_in_use() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.list_organisations(uuid, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.tariffs_in_use() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.list_organisations(uuid, integer), narrow.tariffs_in_use()
   TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
