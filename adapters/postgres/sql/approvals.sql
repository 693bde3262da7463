-- name: are_needed
SELECT needed FROM approval_policies WHERE organisation_id = %(organisation)s

-- name: need
INSERT INTO approval_policies (organisation_id, needed)
VALUES (%(organisation)s, %(needed)s)
    ON CONFLICT (organisation_id) DO UPDATE SET needed = EXCLUDED.needed

-- name: select
SELECT organisation_id, operation_id, plan_hash, asked_by, asked_at, expires_at, verdict,
       decided_by, decided_at
  FROM approvals
 WHERE organisation_id = %(organisation)s
   AND operation_id = %(id)s

-- name: upsert
INSERT INTO approvals (organisation_id, operation_id, plan_hash, asked_by, asked_at, expires_at,
                       verdict, decided_by, decided_at)
VALUES (%(organisation_id)s, %(operation_id)s, %(plan_hash)s, %(asked_by)s, %(asked_at)s,
        %(expires_at)s, %(verdict)s, %(decided_by)s, %(decided_at)s)
    ON CONFLICT (organisation_id, operation_id) DO UPDATE
   SET plan_hash = EXCLUDED.plan_hash,
       asked_by = EXCLUDED.asked_by,
       asked_at = EXCLUDED.asked_at,
       expires_at = EXCLUDED.expires_at,
       verdict = EXCLUDED.verdict,
       decided_by = EXCLUDED.decided_by,
       decided_at = EXCLUDED.decided_at
