-- name: insert_hold
INSERT INTO legal_holds (organisation_id, id, subject, since, until, reason, placed_at)
VALUES (%(organisation_id)s, %(id)s, %(subject)s, %(since)s, %(until)s, %(reason)s, %(placed_at)s)

-- name: select_hold
SELECT organisation_id, id, subject, since, until, reason, placed_at, lifted_at, lifted_because
  FROM legal_holds
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: list_holds
SELECT organisation_id, id, subject, since, until, reason, placed_at, lifted_at, lifted_because
  FROM legal_holds
 WHERE organisation_id = %(organisation)s
 ORDER BY placed_at, id

-- name: select_hold_in_force
-- Its row, or where that was deleted, what the event says that placed it.
WITH found AS (
    SELECT organisation_id, id, subject, since, until, reason, placed_at, 1 AS place
      FROM legal_holds
     WHERE organisation_id = %(organisation)s
       AND id = %(id)s
       AND (lifted_at IS NULL
            OR NOT EXISTS (
               SELECT
                 FROM legal_hold_events AS lifted
                WHERE lifted.organisation_id = %(organisation)s
                  AND lifted.hold_id = %(id)s
                  AND lifted.action = 'legal_hold.lifted'))
     UNION ALL
    SELECT organisation_id, hold_id, subject, since, until, reason, at, 2
      FROM legal_hold_events AS placed
     WHERE organisation_id = %(organisation)s
       AND hold_id = %(id)s
       AND action = 'legal_hold.placed'
       AND NOT EXISTS (
           SELECT
             FROM legal_hold_events AS lifted
            WHERE lifted.organisation_id = %(organisation)s
              AND lifted.hold_id = %(id)s
              AND lifted.action = 'legal_hold.lifted'))
SELECT organisation_id, id, subject, since, until, reason, placed_at,
       NULL AS lifted_at, NULL AS lifted_because
  FROM found
 ORDER BY place
 LIMIT 1

-- name: lift_hold
INSERT INTO legal_holds
       (organisation_id, id, subject, since, until, reason, placed_at, lifted_at, lifted_because)
VALUES (%(organisation_id)s, %(id)s, %(subject)s, %(since)s, %(until)s, %(reason)s, %(placed_at)s,
        %(lifted_at)s, %(lifted_because)s)
    ON CONFLICT ON CONSTRAINT legal_holds_pkey DO UPDATE
   SET lifted_at = excluded.lifted_at,
       lifted_because = excluded.lifted_because

-- name: lock_holds
SELECT pg_advisory_xact_lock(hashtextextended('tallystick legal holds', 0))

-- name: holds_over
SELECT organisation_id, id FROM narrow.legal_holds_over(%(since)s, %(until)s)

-- name: holds_on
SELECT organisation_id, id
  FROM narrow.legal_holds_on(%(organisations)s::uuid[], %(subjects)s::text[])

-- name: insert_archive
INSERT INTO archives (month, state, manifest, events, lines, event_id, archived_at)
VALUES (%(month)s, %(state)s, %(manifest)s, %(events)s, %(lines)s, %(event_id)s, %(archived_at)s)
    ON CONFLICT (month) DO NOTHING

-- name: replace_archive
UPDATE archives
   SET manifest = %(manifest)s,
       events = %(events)s,
       lines = %(lines)s,
       event_id = %(event_id)s,
       archived_at = %(archived_at)s
 WHERE month = %(month)s
   AND state = 'archived'
   AND event_id = %(before)s

-- name: list_archives
SELECT month, state, manifest, events, lines, event_id, archived_at, dropped_at,
       deletion_begun_at, deleted_at, certificate
  FROM archives
 WHERE %(month)s::date IS NULL OR month = %(month)s
 ORDER BY month

-- name: update_archive
UPDATE archives
   SET state = %(state)s,
       dropped_at = %(dropped_at)s,
       deletion_begun_at = %(deletion_begun_at)s,
       deleted_at = %(deleted_at)s,
       certificate = %(certificate)s
 WHERE month = %(month)s

-- name: begins
SELECT narrow.trail_begins() AS begins

-- name: partitions
SELECT partition.relname AS name
  FROM pg_catalog.pg_inherits AS child
  JOIN pg_catalog.pg_class AS partition ON partition.oid = child.inhrelid
 WHERE child.inhparent = 'public.audit_events'::regclass
 ORDER BY partition.relname

-- name: partition_exists
-- Attached, or set aside to be dropped.
SELECT EXISTS (SELECT
                 FROM pg_catalog.pg_class
                WHERE relname = %(name)s
                  AND relnamespace = 'public'::regnamespace) AS is_there

-- name: set_aside
SELECT relname AS name
  FROM pg_catalog.pg_class
 WHERE relnamespace = 'public'::regnamespace
   AND relkind = 'r'
   AND relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
   AND NOT relispartition
 ORDER BY relname

-- name: volume
SELECT events, lines, strays FROM narrow.month_volume(%(since)s, %(until)s)

-- name: lock_partitions
-- Until the connection is closed: setting aside and dropping are two transactions.
SELECT pg_advisory_lock(hashtextextended('tallystick partitions', 0))

-- name: lock_history
LOCK TABLE public.audit_heads, ONLY public.audit_events IN ACCESS EXCLUSIVE MODE

-- name: lock_heads
LOCK TABLE public.audit_heads IN SHARE ROW EXCLUSIVE MODE

-- name: open_default
ALTER TABLE public.audit_events_default DISABLE ROW LEVEL SECURITY

-- name: move_late
WITH late AS (
    DELETE FROM public.audit_events_default
     WHERE at >= %(since)s
       AND at < %(until)s
    RETURNING organisation_id, sequence, id, at, action, subject, live, salt, body, xid)
INSERT INTO {partition} (organisation_id, sequence, id, at, action, subject, live, salt, body, xid)
SELECT organisation_id, sequence, id, at, action, subject, live, salt, body, xid
  FROM late

-- name: close_default
ALTER TABLE public.audit_events_default ENABLE ROW LEVEL SECURITY

-- name: lines
SELECT sequence, at, debit, credit, amount, action, hold_id, lot_id, actor, subject
  FROM journal
 WHERE organisation_id = %(organisation)s
   AND at >= %(since)s
   AND at < %(until)s
   AND sequence > %(after)s
 ORDER BY sequence
 LIMIT %(limit)s
