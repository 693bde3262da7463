-- What a shared transaction counts, and what it reads of each of its organisations (see 0021).
DO $$
DECLARE
    shared text;
BEGIN
    FOREACH shared IN ARRAY ARRAY['throttles', 'spendings'] LOOP
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_turn ON %I
            USING (organisation_id = ANY (
                (SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]))
            WITH CHECK (organisation_id = ANY (
                (SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]))
            $policy$, shared);
    END LOOP;
    FOREACH shared IN ARRAY ARRAY[
        'subscriptions', 'disputes', 'purchases', 'licences', 'quotas', 'teams',
        'idempotency_keys'
    ] LOOP
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_turn ON %I FOR SELECT
            USING (organisation_id = ANY (
                (SELECT nullif(current_setting('app.organisations', true), '')::uuid[])::uuid[]))
            $policy$, shared);
    END LOOP;
END
$$;
