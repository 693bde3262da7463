-- The only ways past row-level security.  Each belongs to a role that nobody can be, finds its
-- tables by full name, and tells ids, instants or a count: what a row says is read in the scope
-- of its organisation.
--
--   claim_operations        leases what is due, whoever's it is
--   prolong_claims          keeps or ends leases that still hold
--   next_due                when a worker has to look again
--   find_login              who logs in with an address
--   find_api_key            whose key an id names
--   requested_accounts      which accounts wait for a key
--   count_open_slots        how full a signer's line is
--   take_outbox             hands tasks on
--   purge_idempotency_keys  forgets what has expired
--   prepare_month           makes room for a month of history; as the tables' owner, not past
--                           row-level security
CREATE SCHEMA narrow;
GRANT USAGE, CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT USAGE ON SCHEMA narrow TO tallystick_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA narrow REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

GRANT SELECT, UPDATE (lease_token, lease_until, lease_worker)
   ON operations TO tallystick_narrow;
GRANT SELECT ON users, api_keys, accounts, steps, slots, attempts TO tallystick_narrow;
GRANT SELECT, DELETE ON outbox, idempotency_keys TO tallystick_narrow;
-- Locking a row asks for the right to update one of its columns.
GRANT UPDATE (topic) ON outbox TO tallystick_narrow;

-- Walks from organisation to organisation along the index, takes the longest due of each, and
-- hands out first what is first in its organisation.  SKIP LOCKED lets any number of workers ask
-- at once; a row that was leased since we read it is tested again under its lock.
CREATE FUNCTION narrow.claim_operations(
    now timestamptz, at_most integer, lease interval, worker uuid
) RETURNS TABLE (organisation_id uuid, operation_id uuid, token uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE waiting (organisation_id) AS (
        (SELECT operation.organisation_id
           FROM public.operations AS operation
          WHERE operation.due_at IS NOT NULL
          ORDER BY operation.organisation_id
          LIMIT 1)
        UNION ALL
        SELECT (SELECT operation.organisation_id
                  FROM public.operations AS operation
                 WHERE operation.due_at IS NOT NULL
                   AND operation.organisation_id > waiting.organisation_id
                 ORDER BY operation.organisation_id
                 LIMIT 1)
          FROM waiting
         WHERE waiting.organisation_id IS NOT NULL
    ), candidates AS (
        SELECT oldest.organisation_id, oldest.id, oldest.due_at,
               row_number() OVER (PARTITION BY oldest.organisation_id
                                      ORDER BY oldest.due_at, oldest.id) AS turn
          FROM waiting
         CROSS JOIN LATERAL (
               SELECT operation.organisation_id, operation.id, operation.due_at
                 FROM public.operations AS operation
                WHERE operation.organisation_id = waiting.organisation_id
                  AND operation.due_at <= now
                  AND (operation.lease_until IS NULL
                       OR operation.lease_until <= clock_timestamp())
                ORDER BY operation.due_at, operation.id
                LIMIT at_most * 4) AS oldest
    ), chosen AS MATERIALIZED (
        SELECT operation.organisation_id, operation.id, candidates.turn, candidates.due_at
          FROM public.operations AS operation
          JOIN candidates
            ON candidates.organisation_id = operation.organisation_id
           AND candidates.id = operation.id
         WHERE operation.due_at <= now
           AND (operation.lease_until IS NULL OR operation.lease_until <= clock_timestamp())
         ORDER BY candidates.turn, candidates.due_at, operation.organisation_id, operation.id
           FOR UPDATE OF operation SKIP LOCKED
         LIMIT at_most
    ), leased AS (
        UPDATE public.operations AS operation
           SET lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '1 minute'),
               lease_worker = worker
          FROM chosen
         WHERE operation.organisation_id = chosen.organisation_id
           AND operation.id = chosen.id
     RETURNING operation.organisation_id, operation.id, operation.lease_token,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.id, leased.lease_token
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.id
$$;

-- A lease of no length ends it.  Rows are locked in the order of their keys.
CREATE FUNCTION narrow.prolong_claims(
    organisations uuid[], operations uuid[], tokens uuid[], lease interval
) RETURNS TABLE (organisation_id uuid, operation_id uuid, token uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH held AS MATERIALIZED (
        SELECT operation.organisation_id, operation.id
          FROM public.operations AS operation
          JOIN unnest(organisations, operations, tokens)
            AS claim (organisation_id, operation_id, token)
            ON claim.organisation_id = operation.organisation_id
           AND claim.operation_id = operation.id
           AND claim.token = operation.lease_token
         WHERE operation.lease_until > clock_timestamp()
         ORDER BY operation.organisation_id, operation.id
           FOR UPDATE OF operation
    )
    UPDATE public.operations AS operation
       SET lease_until = clock_timestamp() + lease
      FROM held
     WHERE operation.organisation_id = held.organisation_id
       AND operation.id = held.id
 RETURNING operation.organisation_id, operation.id, operation.lease_token
$$;

CREATE FUNCTION narrow.next_due() RETURNS timestamptz
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT min(due_at)
      FROM public.operations
     WHERE due_at IS NOT NULL
       AND (lease_until IS NULL OR lease_until <= clock_timestamp())
$$;

CREATE FUNCTION narrow.find_login(address text) RETURNS uuid
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id FROM public.users WHERE email = address
$$;

CREATE FUNCTION narrow.find_api_key(key_id uuid) RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT key.organisation_id, key.id FROM public.api_keys AS key WHERE key.id = key_id
$$;

CREATE FUNCTION narrow.requested_accounts(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT account.organisation_id, account.id
      FROM public.accounts AS account
     WHERE account.state = 'requested'
     ORDER BY account.created_at, account.id
     LIMIT at_most
$$;

CREATE FUNCTION narrow.count_open_slots(of_network text, of_signer text) RETURNS bigint
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*)
      FROM public.slots
     WHERE network = of_network
       AND signer = of_signer
       AND state = 'open'
$$;

-- Rows that another dispatcher is handing on are passed over; they are gone when it commits.
CREATE FUNCTION narrow.take_outbox(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid, topic text, key text)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH oldest AS MATERIALIZED (
        SELECT task.organisation_id, task.id
          FROM public.outbox AS task
         ORDER BY task.position
           FOR UPDATE SKIP LOCKED
         LIMIT at_most
    ), taken AS (
        DELETE FROM public.outbox AS task
         USING oldest
         WHERE task.organisation_id = oldest.organisation_id
           AND task.id = oldest.id
     RETURNING task.position, task.organisation_id, task.id, task.topic, task.key
    )
    SELECT taken.organisation_id, taken.id, taken.topic, taken.key
      FROM taken
     ORDER BY taken.position
$$;

CREATE FUNCTION narrow.purge_idempotency_keys(before timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH forgotten AS (
        DELETE FROM public.idempotency_keys
         WHERE expires_at < least(before, clock_timestamp())
     RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

ALTER FUNCTION narrow.claim_operations(timestamptz, integer, interval, uuid)
    OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.prolong_claims(uuid[], uuid[], uuid[], interval) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.next_due() OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.find_login(text) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.find_api_key(uuid) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.requested_accounts(integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.count_open_slots(text, text) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.take_outbox(integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.purge_idempotency_keys(timestamptz) OWNER TO tallystick_narrow;

-- A table of its own first, attached afterwards: attaching lets readers and writers of the
-- history go on, where creating a partition in place would not.  Where the month has begun
-- without its partition, its rows are in the default one and stay there.
CREATE FUNCTION narrow.prepare_month(month date) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '4s'
AS $$
DECLARE
    first timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', month::timestamp) + interval '1 month')
                        AT TIME ZONE 'UTC';
    history text;
    partition text;
BEGIN
    FOREACH history IN ARRAY ARRAY['journal', 'audit_events'] LOOP
        partition := format('%s_%s', history, to_char(month, 'YYYY_MM'));
        CONTINUE WHEN to_regclass(format('public.%I', partition)) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtextextended('narrow.prepare_month', 0));
        -- Not to_regclass again: it may remember that there was none before we waited.
        CONTINUE WHEN EXISTS (SELECT
                                FROM pg_class
                               WHERE relname = partition
                                 AND relnamespace = 'public'::regnamespace);
        BEGIN
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)',
                           partition, history);
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY,'
                           ' FORCE ROW LEVEL SECURITY', partition);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I'
                           ' FOR VALUES FROM (%L) TO (%L)', history, partition, first, next);
        EXCEPTION WHEN check_violation THEN
            RAISE NOTICE '% has rows in its default partition already', partition;
        END;
    END LOOP;
END
$$;

-- The default privileges above are this role's; those of a handed-over function are said again.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA narrow FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA narrow TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
