-- What an operation was asked for in: the request's name, and its place in a trace (W3C Trace
-- Context), so that whoever works on it later, and whoever is told of it, belong to the same one.
ALTER TABLE operations ADD COLUMN request_id text, ADD COLUMN traceparent text;
ALTER TABLE operations
    ADD CONSTRAINT a_trace_is_written_as_w3c_says
        CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$') NOT VALID;

-- As claim_operations, which stays for the release before.  Each row is looked up by its key,
-- however many rows the planner expects of a function.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.claim_operations_and_causes(
    now timestamptz, at_most integer, lease interval, worker uuid
) RETURNS TABLE (organisation_id uuid, operation_id uuid, token uuid, request_id text,
                 traceparent text)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT claimed.organisation_id, claimed.operation_id, claimed.token, cause.request_id,
           cause.traceparent
      FROM narrow.claim_operations(now, at_most, lease, worker)
           WITH ORDINALITY AS claimed (organisation_id, operation_id, token, place)
     CROSS JOIN LATERAL (
           SELECT operation.request_id, operation.traceparent
             FROM public.operations AS operation
            WHERE operation.organisation_id = claimed.organisation_id
              AND operation.id = claimed.operation_id
            LIMIT 1) AS cause
     ORDER BY claimed.place
$$;

ALTER FUNCTION narrow.claim_operations_and_causes(timestamptz, integer, interval, uuid)
    OWNER TO tallystick_narrow;
REVOKE ALL
    ON FUNCTION narrow.claim_operations_and_causes(timestamptz, integer, interval, uuid)
  FROM PUBLIC;
GRANT EXECUTE
   ON FUNCTION narrow.claim_operations_and_causes(timestamptz, integer, interval, uuid)
   TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
