-- name: logs
SELECT number, origin, key_ref, public_key, cluster, opened_at, closed_at, closed_because
  FROM audit_logs
 ORDER BY number

-- name: latest
SELECT log.origin, checkpoint.size, checkpoint.root, checkpoint.note, checkpoint.signed_at
  FROM audit_checkpoints AS checkpoint
  JOIN audit_logs AS log
    ON log.number = checkpoint.log
 WHERE checkpoint.log = %(log)s
 ORDER BY checkpoint.size DESC
 LIMIT 1

-- name: checkpoints
SELECT log.origin, checkpoint.size, checkpoint.root, checkpoint.note, checkpoint.signed_at
  FROM audit_checkpoints AS checkpoint
  JOIN audit_logs AS log
    ON log.number = checkpoint.log
 WHERE checkpoint.log = %(log)s
   AND checkpoint.size > %(after)s
 ORDER BY checkpoint.size
 LIMIT %(limit)s

-- name: tile
SELECT hashes
  FROM audit_tiles
 WHERE log = %(log)s
   AND level = %(level)s
   AND index = %(index)s

-- name: last_tile
SELECT index, octet_length(hashes) AS bytes
  FROM audit_tiles
 WHERE log = %(log)s
   AND level = 0
 ORDER BY index DESC
 LIMIT 1

-- name: leaf
SELECT organisation_id, sequence, event_id, hash, position
  FROM audit_leaves
 WHERE organisation_id = %(organisation)s
   AND log = %(log)s
   AND sequence = %(sequence)s

-- name: leaves
SELECT organisation_id, sequence, event_id, hash, position
  FROM audit_leaves
 WHERE organisation_id = %(organisation)s
   AND log = %(log)s
   AND sequence > %(after)s
 ORDER BY sequence
 LIMIT %(limit)s

-- name: lock_sealer
-- For as long as the connection lasts.
SELECT pg_try_advisory_lock(hashtextextended('tallystick sealer', 0)) AS is_ours

-- name: unlock_sealer
SELECT pg_advisory_unlock_all()

-- name: cluster
SELECT system_identifier::text AS cluster FROM pg_control_system()

-- name: timeline
-- The first eight digits of a file's name.  The control file has the one before until the first
-- checkpoint after a promotion.
SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline

-- name: horizon
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon

-- name: open_log
INSERT INTO audit_logs (number, origin, key_ref, public_key, cluster, opened_at)
VALUES (%(number)s, %(origin)s, %(key)s, %(public_key)s, %(cluster)s, %(opened_at)s)

-- name: close_log
UPDATE audit_logs
   SET closed_at = %(at)s,
       closed_because = %(because)s
 WHERE number = %(log)s
   AND closed_at IS NULL

-- name: settle_log
UPDATE audit_logs SET cluster = %(cluster)s WHERE number = %(log)s

-- name: size
SELECT coalesce(max(position) + 1, 0) AS size FROM audit_leaves WHERE log = %(log)s

-- name: sealed_through
SELECT wanted.organisation_id,
       (SELECT coalesce(max(leaf.sequence), 0)
          FROM audit_leaves AS leaf
         WHERE leaf.organisation_id = wanted.organisation_id
           AND leaf.log = %(log)s) AS through
  FROM unnest(%(organisations)s::uuid[]) AS wanted (organisation_id)

-- name: backlog
SELECT events, since FROM narrow.seal_backlog(%(log)s)

-- name: unsealed
SELECT trouble, organisation_id, sequence, event_id, hash
  FROM narrow.unsealed_events(%(log)s, %(takes_restored)s)

-- name: insert_leaves
INSERT INTO audit_leaves (organisation_id, log, sequence, position, event_id, hash)
SELECT organisation_id, %(log)s, sequence, position, event_id, hash
  FROM unnest(%(organisations)b::uuid[], %(sequences)b::bigint[], %(positions)b::bigint[],
              %(events)b::uuid[], %(hashes)b::bytea[])
    AS leaf (organisation_id, sequence, position, event_id, hash)

-- name: grow_tiles
INSERT INTO audit_tiles AS tile (log, level, index, hashes)
SELECT %(log)s, level, index, hashes
  FROM unnest(%(levels)s::integer[], %(indexes)s::bigint[], %(tiles)b::bytea[])
    AS grown (level, index, hashes)
    ON CONFLICT (log, level, index) DO UPDATE
   SET hashes = tile.hashes || EXCLUDED.hashes
RETURNING tile.level, tile.index, octet_length(tile.hashes) AS bytes

-- name: insert_checkpoint
INSERT INTO audit_checkpoints (log, size, root, note, signed_at)
VALUES (%(log)s, %(size)s, %(root)s, %(note)s, %(signed_at)s)
    ON CONFLICT (log, size) DO NOTHING
