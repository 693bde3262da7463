-- An account's first key may come from a passphrase of its owner's; until it is given, no worker has
-- anything to do for it.
ALTER TABLE accounts
    ADD COLUMN origin text NOT NULL DEFAULT 'custodian'
        CONSTRAINT an_origin_is_known CHECK (origin IN ('custodian', 'arc76'));

CREATE OR REPLACE FUNCTION narrow.requested_accounts(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT account.organisation_id, account.id
      FROM public.accounts AS account
     WHERE account.state = 'requested'
       AND account.origin = 'custodian'
     ORDER BY account.created_at, account.id
     LIMIT at_most
$$;
