-- name: insert_evidence
INSERT INTO evidence_packs (organisation_id, operation_id, sequence, event_id, issued_at, events,
                            core)
VALUES (%(organisation)s, %(operation)s, %(sequence)s, %(event)s, %(issued_at)s, %(events)s,
        %(core)s)

-- name: newest_evidence
SELECT operation_id, sequence, event_id, issued_at, events, core
  FROM evidence_packs
 WHERE organisation_id = %(organisation)s
   AND operation_id = %(operation)s
 ORDER BY sequence DESC
 LIMIT 1

-- name: evidence_of_event
SELECT operation_id, sequence, event_id, issued_at, events, core
  FROM evidence_packs
 WHERE organisation_id = %(organisation)s
   AND sequence = %(sequence)s
