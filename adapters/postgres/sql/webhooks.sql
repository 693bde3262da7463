-- name: insert_endpoint
INSERT INTO webhook_endpoints (organisation_id, id, url, description, event_types, live,
                               scheme, api_version, state, disabled_because, disabled_at, created_by,
                               created_at, cursor, next_number, due_at, held_until, failures,
                               is_slow)
VALUES (%(organisation_id)s, %(id)s, %(url)s, %(description)s, %(event_types)s, %(live)s,
        %(scheme)s, %(api_version)s, %(state)s, %(disabled_because)s, %(disabled_at)s, %(created_by)s,
        %(created_at)s, %(cursor)s, %(next_number)s, %(due_at)s, %(held_until)s, %(failures)s,
        %(is_slow)s)

-- name: select_endpoint
SELECT organisation_id, id, url, description, event_types, live, scheme, api_version, state,
       disabled_because, disabled_at, created_by, created_at, cursor, next_number, due_at,
       held_until, failures, is_slow
  FROM webhook_endpoints
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: lock_endpoint
SELECT organisation_id, id, url, description, event_types, live, scheme, api_version, state,
       disabled_because, disabled_at, created_by, created_at, cursor, next_number, due_at,
       held_until, failures, is_slow
  FROM webhook_endpoints
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   FOR UPDATE

-- name: list_endpoints
SELECT organisation_id, id, url, description, event_types, live, scheme, api_version, state,
       disabled_because, disabled_at, created_by, created_at, cursor, next_number, due_at,
       held_until, failures, is_slow
  FROM webhook_endpoints
 WHERE organisation_id = %(organisation)s
   AND state <> 'deleted'
 ORDER BY id DESC

-- name: lock_lagging
SELECT endpoint.organisation_id, endpoint.id, endpoint.url, endpoint.description,
       endpoint.event_types, endpoint.live, endpoint.scheme, endpoint.api_version, endpoint.state,
       endpoint.disabled_because, endpoint.disabled_at, endpoint.created_by, endpoint.created_at,
       endpoint.cursor, endpoint.next_number, endpoint.due_at, endpoint.held_until,
       endpoint.failures, endpoint.is_slow
  FROM webhook_endpoints AS endpoint
 WHERE endpoint.organisation_id = %(organisation)s
   AND endpoint.state = 'enabled'
   AND endpoint.cursor < (SELECT head.sequence
                            FROM audit_heads AS head
                           WHERE head.organisation_id = %(organisation)s)
 ORDER BY endpoint.id
   FOR UPDATE OF endpoint

-- name: update_endpoint
UPDATE webhook_endpoints
   SET url = %(url)s,
       description = %(description)s,
       event_types = %(event_types)s,
       state = %(state)s,
       disabled_because = %(disabled_because)s,
       disabled_at = %(disabled_at)s,
       cursor = %(cursor)s,
       next_number = %(next_number)s,
       due_at = %(due_at)s,
       held_until = %(held_until)s,
       failures = %(failures)s,
       is_slow = %(is_slow)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND live = %(live)s

-- name: insert_secret
INSERT INTO webhook_secrets (organisation_id, endpoint_id, number, wrapping, ciphertext,
                             public_key, created_at, expires_at)
VALUES (%(organisation)s, %(endpoint_id)s, %(number)s, %(wrapping)s, %(ciphertext)s,
        %(public_key)s, %(created_at)s, %(expires_at)s)

-- name: end_secrets
UPDATE webhook_secrets
   SET expires_at = %(until)s
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
   AND (expires_at IS NULL OR expires_at > %(until)s)

-- name: select_secrets
SELECT number, wrapping, ciphertext, public_key, created_at, expires_at
  FROM webhook_secrets
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
 ORDER BY number DESC

-- name: insert_deliveries
-- One statement for all of them: they come in hundreds.
INSERT INTO webhook_deliveries (organisation_id, endpoint_id, id, number, way, event_id, sequence,
                                event_type, subject, body, created_at, state, attempts)
SELECT %(organisation)s, told.endpoint_id, told.id, told.number, told.way, told.event_id,
       told.sequence, told.event_type, told.subject, told.body, told.created_at, 'pending', 0
  FROM unnest(%(endpoints)s::uuid[], %(ids)s::uuid[], %(numbers)s::bigint[], %(ways)s::text[],
              %(events)s::uuid[], %(sequences)s::bigint[], %(types)s::text[],
              %(subjects)s::text[], %(bodies)s::bytea[], %(instants)s::timestamptz[])
    AS told (endpoint_id, id, number, way, event_id, sequence, event_type, subject, body,
             created_at)

-- name: select_delivery
SELECT organisation_id, endpoint_id, id, number, way, event_id, sequence, event_type, subject,
       body, created_at, state, attempts, finished_at, last_status, last_error
  FROM webhook_deliveries
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
   AND id = %(id)s

-- name: list_deliveries
SELECT organisation_id, endpoint_id, id, number, way, event_id, sequence, event_type, subject,
       body, created_at, state, attempts, finished_at, last_status, last_error
  FROM webhook_deliveries
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
   AND (%(state)s::text IS NULL OR state = %(state)s)
   AND (%(after)s::uuid IS NULL
        OR number < (SELECT last.number
                       FROM webhook_deliveries AS last
                      WHERE last.organisation_id = %(organisation)s
                        AND last.id = %(after)s))
 ORDER BY number DESC
 LIMIT %(limit)s

-- name: select_attempts
SELECT url, at, took, status, error, response_headers, excerpt
  FROM webhook_attempts
 WHERE organisation_id = %(organisation)s
   AND delivery_id = %(delivery_id)s
 ORDER BY number

-- name: waiting
SELECT organisation_id, endpoint_id, id, number, way, event_id, sequence, event_type, subject,
       body, created_at, state, attempts, finished_at, last_status, last_error
  FROM webhook_deliveries
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
   AND state = 'pending'
 ORDER BY way = 'event', number
 LIMIT %(limit)s

-- name: skip
UPDATE webhook_deliveries
   SET state = 'skipped',
       finished_at = %(now)s
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = %(endpoint_id)s
   AND way = 'event'
   AND state = 'pending'
   AND sequence >= %(since)s

-- name: holds_lease
SELECT
  FROM webhook_endpoints
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND lease_token = %(token)s
   AND lease_until > clock_timestamp()
   FOR UPDATE

-- name: update_deliveries
UPDATE webhook_deliveries AS delivery
   SET state = tried.state,
       attempts = tried.attempts,
       finished_at = tried.finished_at,
       last_status = tried.last_status,
       last_error = tried.last_error
  FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(counts)s::integer[],
              %(finishes)s::timestamptz[], %(statuses)s::integer[], %(errors)s::text[])
    AS tried (id, state, attempts, finished_at, last_status, last_error)
 WHERE delivery.organisation_id = %(organisation)s
   AND delivery.id = tried.id
   AND delivery.state = 'pending'

-- name: insert_attempts
INSERT INTO webhook_attempts (organisation_id, delivery_id, number, url, at, took, status, error,
                              response_headers, excerpt)
SELECT %(organisation)s, made.delivery_id, made.number, made.url, made.at, made.took, made.status,
       made.error, made.response_headers, made.excerpt
  FROM unnest(%(ids)s::uuid[], %(counts)s::integer[], %(urls)s::text[],
              %(instants)s::timestamptz[], %(durations)s::interval[], %(attempt_statuses)s::integer[],
              %(attempt_errors)s::text[], %(headers)s::jsonb[], %(excerpts)s::text[])
    AS made (delivery_id, number, url, at, took, status, error, response_headers, excerpt)

-- name: give_back
UPDATE webhook_endpoints
   SET lease_token = NULL,
       lease_until = NULL
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND lease_token = %(token)s

-- name: behind
SELECT organisation_id FROM narrow.webhooks_behind(%(limit)s)

-- name: claim
SELECT organisation_id, id, token, is_slow
  FROM narrow.claim_webhooks(%(now)s, %(limit)s, %(lease)s, %(slow)s)

-- name: purge
SELECT narrow.purge_webhook_deliveries(%(before)s) AS count
