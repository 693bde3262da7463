-- Who was to give an account's passphrase may have left: its custodian makes the key instead.

-- Widens a check: what is there is good already, so nobody waits for it to be looked at.
-- squawk-ignore ban-drop-constraint
ALTER TABLE accounts DROP CONSTRAINT an_origin_is_known;
ALTER TABLE accounts
    ADD CONSTRAINT an_origin_is_known
        CHECK (origin IN ('custodian', 'arc76', 'custodian_instead')) NOT VALID;

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
       AND account.origin <> 'arc76'
     ORDER BY account.created_at, account.id
     LIMIT at_most
$$;

-- Otherwise an account keeps its origin, which `update_account` sees to.
GRANT UPDATE (origin) ON accounts TO tallystick_app;
