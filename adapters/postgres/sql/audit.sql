-- name: advance_head
-- The lock on the head is what makes the sequence free of gaps: a transaction that is undone
-- gives its numbers back.
UPDATE audit_heads
   SET sequence = sequence + %(count)s
 WHERE organisation_id = %(organisation)s
RETURNING sequence

-- name: lock_head
-- Whoever holds it sees the events of all numbers that were given.
SELECT sequence FROM audit_heads WHERE organisation_id = %(organisation)s FOR UPDATE

-- name: insert_event
INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt, body)
VALUES (%(organisation_id)s, %(sequence)s, %(id)s, %(at)s, %(action)s, %(subject)s, %(live)s,
        %(salt)s, %(body)s)

-- name: select_event
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: select_of_subject
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND subject = %(subject)s
   AND sequence > %(after)s
 ORDER BY sequence
 LIMIT %(limit)s

-- name: select_all
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND sequence > %(after)s
 ORDER BY sequence
 LIMIT %(limit)s

-- name: head
SELECT sequence FROM audit_heads WHERE organisation_id = %(organisation)s

-- name: select_numbered
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND sequence = ANY(%(sequences)s)
 ORDER BY sequence

-- name: select_named
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND sequence > %(after)s
   AND sequence <= %(through)s
   AND action = ANY(%(actions)s)
 ORDER BY sequence
 LIMIT %(limit)s

-- name: select_found
-- A body is no JSON here: it may hold what PostgreSQL's cannot.  Who did it stands at its
-- beginning, behind the action, and that far there is nothing but ASCII; what caused it stands
-- behind its name, and a text that says the same has other quotes.
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND sequence > %(after)s
   AND (%(through)s::bigint IS NULL OR sequence <= %(through)s)
   AND (%(action)s::text IS NULL
        OR action = %(action)s OR split_part(action, '.', 1) = %(action)s)
   AND (%(subject)s::text IS NULL OR subject = %(subject)s)
   AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
   AND (%(live)s::boolean IS NULL OR live = %(live)s)
   AND (%(correlation)s::text IS NULL
        OR position(convert_to('"correlation_id":"' || %(correlation)s || '"', 'UTF8')
                    IN body) > 0)
   AND (%(actor)s::text IS NULL
        OR position(convert_to('"actor":{"id":"' || %(actor)s || '",', 'UTF8')
                    IN substring(body FROM 1 FOR octet_length(action) + 88)) > 0
        OR position(convert_to(',"kind":"' || %(actor)s || '"}', 'UTF8')
                    IN substring(body FROM 1 FOR octet_length(action) + 88)) > 0)
 ORDER BY sequence
 LIMIT %(limit)s

-- name: count_found
-- In the words of `select_found`.
SELECT count(*) AS count
  FROM audit_events
 WHERE organisation_id = %(organisation)s
   AND (%(through)s::bigint IS NULL OR sequence <= %(through)s)
   AND (%(action)s::text IS NULL
        OR action = %(action)s OR split_part(action, '.', 1) = %(action)s)
   AND (%(subject)s::text IS NULL OR subject = %(subject)s)
   AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
   AND (%(live)s::boolean IS NULL OR live = %(live)s)
   AND (%(correlation)s::text IS NULL
        OR position(convert_to('"correlation_id":"' || %(correlation)s || '"', 'UTF8')
                    IN body) > 0)
   AND (%(actor)s::text IS NULL
        OR position(convert_to('"actor":{"id":"' || %(actor)s || '",', 'UTF8')
                    IN substring(body FROM 1 FOR octet_length(action) + 88)) > 0
        OR position(convert_to(',"kind":"' || %(actor)s || '"}', 'UTF8')
                    IN substring(body FROM 1 FOR octet_length(action) + 88)) > 0)

-- name: prepare_month
SELECT narrow.prepare_month(%(month)s::date)

-- name: insert_task
INSERT INTO outbox (organisation_id, topic, key) VALUES (%(organisation)s, %(topic)s, %(key)s)

-- name: take_tasks
SELECT organisation_id, id, topic, key FROM narrow.take_outbox(%(limit)s)
