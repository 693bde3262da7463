-- name: insert_identity
-- No row comes back where somebody has the subject, also somebody invisible to us, or where the
-- user has another one of that issuer.
INSERT INTO identities (user_id, id, issuer, subject_hash, linked_at, unlinked_at)
VALUES (%(user_id)s, %(id)s, %(issuer)s, %(subject_hash)s, %(linked_at)s, %(unlinked_at)s)
    ON CONFLICT DO NOTHING

-- name: find_identity
SELECT narrow.find_identity(%(issuer)s, %(subject_hash)s) AS id

-- name: identities
SELECT user_id, id, issuer, subject_hash, linked_at, unlinked_at
  FROM identities
 WHERE user_id = %(user)s
   AND subject_hash IS NOT NULL
 ORDER BY linked_at, id

-- name: end_identity
UPDATE identities
   SET subject_hash = NULL,
       unlinked_at = %(now)s
 WHERE user_id = %(user)s
   AND id = %(id)s
   AND subject_hash IS NOT NULL

-- name: insert_flow
INSERT INTO sign_in_flows (organisation_id, id, secret_hash, issuer, wanted, name, user_id,
                           session_id, started_at, expires_at, used_at, auth_epoch)
VALUES (%(organisation)s, %(id)s, %(secret_hash)s, %(issuer)s, %(wanted)s, %(name)s, %(user_id)s,
        %(session_id)s, %(started_at)s, %(expires_at)s, %(used_at)s,
        coalesce((SELECT auth_epoch FROM installation), 0))

-- name: select_flow
SELECT id, secret_hash, issuer, wanted, name, user_id, session_id, started_at, expires_at, used_at
  FROM sign_in_flows
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)

-- name: take_flow
-- Whoever comes second waits here, and finds it used.
UPDATE sign_in_flows
   SET used_at = %(now)s
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND used_at IS NULL
   AND expires_at > %(now)s
   AND auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)

-- name: purge_flows
SELECT narrow.purge_sign_in_flows(%(before)s) AS forgotten
