-- One more way past row-level security; see 0007.
--
--   ledger_volumes   which organisations there are, and how long each one's journal is, page by
--                    page: an audit walks them, and reads each in its own scope
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT ON wallets TO tallystick_narrow;

-- NULL comes before every organisation.
CREATE FUNCTION narrow.ledger_volumes(after uuid, at_most integer)
RETURNS TABLE (organisation_id uuid, lines bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT wallet.organisation_id, wallet.version
      FROM public.wallets AS wallet
     WHERE after IS NULL OR wallet.organisation_id > after
     ORDER BY wallet.organisation_id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.ledger_volumes(uuid, integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.ledger_volumes(uuid, integer) FROM PUBLIC;
GRANT USAGE ON SCHEMA narrow TO tallystick_readonly;
GRANT EXECUTE ON FUNCTION narrow.ledger_volumes(uuid, integer)
   TO tallystick_app, tallystick_readonly;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
