-- name: open_throttle
INSERT INTO throttles (organisation_id, subject)
VALUES (%(organisation)s, %(subject)s)
    ON CONFLICT (organisation_id, subject) DO NOTHING

-- name: lock_throttle
-- A statement of its own, after the row is there: what it reads is what the holder before us left.
SELECT seconds, counts, premium_at, failures, failed_at, blocked_until, told, told_at
  FROM throttles
 WHERE organisation_id = %(organisation)s
   AND subject = %(subject)s
   FOR UPDATE

-- name: update_throttle
UPDATE throttles
   SET seconds = %(seconds)s,
       counts = %(counts)s,
       premium_at = %(premium_at)s,
       failures = %(failures)s,
       failed_at = %(failed_at)s,
       blocked_until = %(blocked_until)s,
       told = %(told)s,
       told_at = %(told_at)s
 WHERE organisation_id = %(organisation)s
   AND subject = %(subject)s

-- name: select_spendings
SELECT subject, bucket_starts, bucket_credits, alerted_at, frozen_until
  FROM spendings
 WHERE organisation_id = %(organisation)s
   AND subject = ANY(%(subjects)s)

-- name: put_spending
INSERT INTO spendings (organisation_id, subject, bucket_starts, bucket_credits, alerted_at,
                       frozen_until)
VALUES (%(organisation)s, %(subject)s, %(bucket_starts)s, %(bucket_credits)s, %(alerted_at)s,
        %(frozen_until)s)
    ON CONFLICT (organisation_id, subject) DO UPDATE
   SET bucket_starts = EXCLUDED.bucket_starts,
       bucket_credits = EXCLUDED.bucket_credits,
       alerted_at = EXCLUDED.alerted_at,
       frozen_until = EXCLUDED.frozen_until
