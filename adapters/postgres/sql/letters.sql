-- name: insert
INSERT INTO letters (organisation_id, id, kind, user_id, wrapping, ciphertext, secret_hash,
                     written_at, expires_at, state, attempts, due_at, used_at, auth_epoch)
VALUES (%(organisation_id)s, %(id)s, %(kind)s, %(user_id)s, %(wrapping)s, %(ciphertext)s,
        %(secret_hash)s, %(written_at)s, %(expires_at)s, %(state)s, %(attempts)s, %(due_at)s,
        %(used_at)s, coalesce((SELECT auth_epoch FROM installation), 0))

-- name: select
SELECT organisation_id, id, kind, user_id, wrapping, ciphertext, secret_hash, written_at,
       expires_at, state, attempts, due_at, used_at,
       auth_epoch < coalesce((SELECT auth_epoch FROM installation), 0) AS is_ended
  FROM letters
 WHERE id = %(id)s
   AND (organisation_id = %(organisation)s OR user_id = %(user)s)

-- name: lock
SELECT organisation_id, id, kind, user_id, wrapping, ciphertext, secret_hash, written_at,
       expires_at, state, attempts, due_at, used_at,
       auth_epoch < coalesce((SELECT auth_epoch FROM installation), 0) AS is_ended
  FROM letters
 WHERE id = %(id)s
   AND (organisation_id = %(organisation)s OR user_id = %(user)s)
   FOR UPDATE

-- name: update
UPDATE letters
   SET wrapping = %(wrapping)s,
       ciphertext = %(ciphertext)s,
       state = %(state)s,
       attempts = %(attempts)s,
       due_at = %(due_at)s,
       used_at = %(used_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: end_of_user
UPDATE letters
   SET wrapping = NULL,
       ciphertext = NULL,
       state = CASE state WHEN 'queued' THEN 'given_up' ELSE state END,
       due_at = NULL,
       used_at = %(now)s
 WHERE user_id = %(user)s
   AND used_at IS NULL

-- name: usable
SELECT organisation_id, id, kind, user_id, wrapping, ciphertext, secret_hash, written_at,
       expires_at, state, attempts, due_at, used_at,
       auth_epoch < coalesce((SELECT auth_epoch FROM installation), 0) AS is_ended
  FROM letters
 WHERE organisation_id = %(organisation)s
   AND kind = %(kind)s
   AND secret_hash IS NOT NULL
   AND used_at IS NULL
   AND expires_at > %(now)s
   AND auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)
 ORDER BY written_at, id

-- name: due
SELECT organisation_id, id FROM narrow.letters_due(%(now)s, %(limit)s)

-- name: purge
SELECT narrow.purge_letters(%(before)s) AS forgotten
