-- name: insert
INSERT INTO exports (organisation_id, id, format, since, until, actor, action, subject, live,
                     correlation, requested_by, requested_at, last_sequence)
VALUES (%(organisation_id)s, %(id)s, %(format)s, %(since)s, %(until)s, %(actor)s, %(action)s,
        %(subject)s, %(live)s, %(correlation)s, %(requested_by)s, %(requested_at)s, %(last_sequence)s)

-- name: select
SELECT organisation_id, id, format, since, until, actor, action, subject, live, correlation,
       requested_by, requested_at, last_sequence, state, total, written, digest, event_id,
       finished_at, expires_at
  FROM exports
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: parts
SELECT number, name, bytes AS size, sha256, events, first_sequence, last_sequence
  FROM export_parts
 WHERE organisation_id = %(organisation)s
   AND export_id = %(id)s
 ORDER BY number

-- name: list
SELECT organisation_id, id, format, since, until, actor, action, subject, live, correlation,
       requested_by, requested_at, last_sequence, state, total, written, digest, event_id,
       finished_at, expires_at
  FROM exports
 WHERE organisation_id = %(organisation)s
   AND (%(after)s::uuid IS NULL OR id < %(after)s)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: under_way
SELECT count(*) AS count
  FROM exports
 WHERE organisation_id = %(organisation)s
   AND state = 'under_way'

-- name: lease
UPDATE exports
   SET lease_token = gen_random_uuid(),
       lease_until = clock_timestamp() + %(lease)s
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND state = 'under_way'
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING lease_token

-- name: progress
UPDATE exports
   SET written = %(written)s,
       total = %(total)s,
       lease_until = clock_timestamp() + %(lease)s
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND lease_token = %(token)s
   AND lease_until > clock_timestamp()

-- name: insert_part
-- Only under the lease, and only the next one.
INSERT INTO export_parts (organisation_id, export_id, number, name, bytes, sha256, events,
                          first_sequence, last_sequence)
SELECT export.organisation_id, export.id, %(number)s, %(name)s, %(size)s, %(sha256)s, %(events)s,
       %(first_sequence)s, %(last_sequence)s
  FROM exports AS export
 WHERE export.organisation_id = %(organisation)s
   AND export.id = %(id)s
   AND export.lease_token = %(token)s
   AND export.lease_until > clock_timestamp()
   FOR UPDATE

-- name: finish
UPDATE exports
   SET state = %(state)s,
       total = %(total)s,
       written = %(written)s,
       digest = %(digest)s,
       event_id = %(event_id)s,
       finished_at = %(finished_at)s,
       expires_at = %(expires_at)s,
       lease_token = NULL,
       lease_until = NULL
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND lease_token = %(token)s
   AND lease_until > clock_timestamp()

-- name: give_back
UPDATE exports
   SET lease_token = NULL,
       lease_until = NULL
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND lease_token = %(token)s

-- name: expire
UPDATE exports
   SET state = 'expired'
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND state = 'finished'

-- name: waiting
SELECT organisation_id, id FROM narrow.exports_waiting(%(limit)s)

-- name: over
SELECT organisation_id, id FROM narrow.exports_over(%(now)s, %(limit)s)
