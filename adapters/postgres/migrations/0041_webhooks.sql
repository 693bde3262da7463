-- Where members want to be told, and what became of telling them.  An endpoint's row is its place
-- in the queue; its cursor says how far the organisation's trail was held against what it wants, so
-- that whoever writes an event writes nothing for this.
CREATE TABLE webhook_endpoints (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    -- Empty: all of them.
    event_types text[] NOT NULL,
    live boolean NOT NULL,
    api_version text NOT NULL,
    state text NOT NULL CHECK (state IN ('enabled', 'disabled', 'deleted')),
    disabled_because text CHECK (disabled_because IN ('asked', 'gone', 'exhausted')),
    disabled_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    cursor bigint NOT NULL CHECK (cursor >= 0),
    next_number bigint NOT NULL CHECK (next_number > 0),
    due_at timestamptz,
    held_until timestamptz,
    failures integer NOT NULL CHECK (failures >= 0),
    is_slow boolean NOT NULL,
    lease_token uuid,
    lease_until timestamptz,
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT what_is_enabled_was_not_disabled
        CHECK (num_nonnulls(disabled_because, disabled_at)
               = CASE state WHEN 'enabled' THEN 0 WHEN 'disabled' THEN 2
                      ELSE num_nonnulls(disabled_because, disabled_at) END)
) WITH (fillfactor = 50);

CREATE INDEX webhook_endpoints_due ON webhook_endpoints (due_at) WHERE state = 'enabled';
CREATE INDEX webhook_endpoints_enabled ON webhook_endpoints (organisation_id, cursor)
    WHERE state = 'enabled';

CREATE TRIGGER a_deleted_endpoint_stays_deleted
    AFTER UPDATE OF state ON webhook_endpoints
    FOR EACH ROW WHEN (OLD.state = 'deleted' AND NEW.state <> 'deleted')
    EXECUTE FUNCTION public.what_is_over_stays_over();

CREATE TABLE webhook_secrets (
    organisation_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    wrapping text NOT NULL,
    ciphertext bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- NULL: it is the newest.
    expires_at timestamptz,
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (organisation_id, endpoint_id, number),
    FOREIGN KEY (organisation_id, endpoint_id) REFERENCES webhook_endpoints (organisation_id, id)
);

CREATE UNIQUE INDEX one_secret_is_the_newest ON webhook_secrets (organisation_id, endpoint_id)
    WHERE expires_at IS NULL;

CREATE TABLE webhook_deliveries (
    organisation_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    way text NOT NULL CHECK (way IN ('event', 'resend', 'test')),
    event_id uuid NOT NULL,
    sequence bigint NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    -- As it is sent; never read as JSON here.
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'skipped')),
    attempts integer NOT NULL CHECK (attempts >= 0),
    finished_at timestamptz,
    last_status integer,
    last_error text,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_number_is_given_once UNIQUE (organisation_id, endpoint_id, number),
    CONSTRAINT what_is_pending_is_not_over CHECK ((state = 'pending') = (finished_at IS NULL)),
    CONSTRAINT what_was_delivered_was_answered
        CHECK (state <> 'delivered' OR (attempts > 0 AND last_status BETWEEN 200 AND 299)),
    FOREIGN KEY (organisation_id, endpoint_id) REFERENCES webhook_endpoints (organisation_id, id)
);

CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (organisation_id, endpoint_id, number)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (finished_at)
    WHERE state <> 'pending';

CREATE TABLE webhook_attempts (
    organisation_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    url text NOT NULL,
    at timestamptz NOT NULL,
    took interval NOT NULL CHECK (took >= interval '0'),
    status integer,
    error text,
    response_headers jsonb NOT NULL,
    excerpt text NOT NULL CHECK (length(excerpt) <= 1024),
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (organisation_id, delivery_id, number),
    CONSTRAINT an_attempt_has_one_end CHECK (num_nonnulls(status, error) = 1),
    FOREIGN KEY (organisation_id, delivery_id) REFERENCES webhook_deliveries (organisation_id, id)
        ON DELETE CASCADE
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['webhook_endpoints', 'webhook_secrets', 'webhook_deliveries',
                                  'webhook_attempts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO tallystick_app', tenant);
    END LOOP;
END
$$;

-- Nothing for readers: URLs may carry what proves who calls, and bodies are members' own.
GRANT UPDATE (url, description, event_types, state, disabled_because, disabled_at, cursor,
              next_number, due_at, held_until, failures, is_slow, lease_token, lease_until)
   ON webhook_endpoints TO tallystick_app;
GRANT UPDATE (expires_at) ON webhook_secrets TO tallystick_app;
GRANT UPDATE (state, attempts, finished_at, last_status, last_error)
   ON webhook_deliveries TO tallystick_app;

GRANT SELECT (organisation_id, id, state, cursor, due_at, is_slow, lease_token, lease_until),
      UPDATE (lease_token, lease_until)
   ON webhook_endpoints TO tallystick_narrow;
GRANT SELECT (organisation_id, id, state, finished_at), DELETE
   ON webhook_deliveries TO tallystick_narrow;

-- Three more ways past row-level security, see 0007: whose trail has moved on, which endpoints are
-- due, and what of the log is old.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.webhooks_behind(at_most integer) RETURNS TABLE (organisation_id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT head.organisation_id
      FROM (SELECT endpoint.organisation_id, min(endpoint.cursor) AS cursor
              FROM public.webhook_endpoints AS endpoint
             WHERE endpoint.state = 'enabled'
             GROUP BY endpoint.organisation_id) AS least
      JOIN public.audit_heads AS head
        ON head.organisation_id = least.organisation_id
     WHERE head.sequence > least.cursor
     -- Whoever waits for the fewest comes first: a long trail holds nobody up.
     ORDER BY head.sequence - least.cursor, head.organisation_id
     LIMIT at_most
$$;

-- First the first of each organisation; SKIP LOCKED lets any number of workers ask at once.
CREATE FUNCTION narrow.claim_webhooks(
    now timestamptz, at_most integer, lease interval, slow integer
) RETURNS TABLE (organisation_id uuid, id uuid, token uuid, is_slow boolean)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH due AS (
        SELECT endpoint.organisation_id, endpoint.id, endpoint.due_at, endpoint.is_slow,
               row_number() OVER (PARTITION BY endpoint.organisation_id, endpoint.is_slow
                                      ORDER BY endpoint.due_at, endpoint.id) AS turn
          FROM public.webhook_endpoints AS endpoint
         WHERE endpoint.state = 'enabled'
           AND endpoint.due_at <= now
           AND (endpoint.lease_until IS NULL OR endpoint.lease_until <= clock_timestamp())
    ), candidates AS (
        SELECT due.*,
               row_number() OVER (PARTITION BY due.is_slow
                                      ORDER BY due.turn, due.due_at, due.organisation_id, due.id)
               AS place
          FROM due
    ), chosen AS MATERIALIZED (
        SELECT endpoint.organisation_id, endpoint.id, candidates.turn, candidates.due_at
          FROM public.webhook_endpoints AS endpoint
          JOIN candidates
            ON candidates.organisation_id = endpoint.organisation_id
           AND candidates.id = endpoint.id
         WHERE (NOT candidates.is_slow OR candidates.place <= slow)
           AND endpoint.state = 'enabled'
           AND endpoint.due_at <= now
           AND (endpoint.lease_until IS NULL OR endpoint.lease_until <= clock_timestamp())
         ORDER BY candidates.turn, candidates.due_at, endpoint.organisation_id, endpoint.id
           FOR UPDATE OF endpoint SKIP LOCKED
         LIMIT at_most
    ), leased AS (
        UPDATE public.webhook_endpoints AS endpoint
           SET lease_token = gen_random_uuid(),
               lease_until = clock_timestamp() + least(lease, interval '5 minutes')
          FROM chosen
         WHERE endpoint.organisation_id = chosen.organisation_id
           AND endpoint.id = chosen.id
     RETURNING endpoint.organisation_id, endpoint.id, endpoint.lease_token, endpoint.is_slow,
               chosen.turn, chosen.due_at
    )
    SELECT leased.organisation_id, leased.id, leased.lease_token, leased.is_slow
      FROM leased
     ORDER BY leased.turn, leased.due_at, leased.organisation_id, leased.id
$$;

CREATE FUNCTION narrow.purge_webhook_deliveries(before timestamptz) RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH forgotten AS (
        DELETE FROM public.webhook_deliveries
         WHERE state <> 'pending'
           AND finished_at < least(before, clock_timestamp())
     RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

ALTER FUNCTION narrow.webhooks_behind(integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.claim_webhooks(timestamptz, integer, interval, integer)
    OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.purge_webhook_deliveries(timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.webhooks_behind(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.claim_webhooks(timestamptz, integer, interval, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.purge_webhook_deliveries(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.webhooks_behind(integer) TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.claim_webhooks(timestamptz, integer, interval, integer)
   TO tallystick_app;
GRANT EXECUTE ON FUNCTION narrow.purge_webhook_deliveries(timestamptz) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
