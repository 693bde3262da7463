-- name: by_others
SELECT sort, organisation_id, name
  FROM narrow.wrapped_by_others(%(current)s, %(sort)s, %(after_organisation)s, %(name)s, %(limit)s)

-- name: count_by_others
SELECT narrow.count_wrapped_by_others(%(current)s) AS count

-- name: select_1
SELECT wrapping, ciphertext
  FROM sealed_secrets
 WHERE organisation_id = %(organisation)s
   AND name = %(name)s

-- name: select_2
SELECT wrapping, ciphertext
  FROM webhook_secrets
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = split_part(%(name)s, '/', 1)::uuid
   AND number = split_part(%(name)s, '/', 2)::integer

-- name: select_3
SELECT wrapping, ciphertext
  FROM subject_keys
 WHERE user_id = %(name)s::uuid
   AND destroyed_at IS NULL

-- name: select_4
SELECT wrapping, ciphertext
  FROM letters
 WHERE organisation_id = %(organisation)s
   AND id = %(name)s::uuid
   AND wrapping IS NOT NULL

-- name: update_1
-- Only what it was when it was unwrapped: whoever changed it meanwhile is not undone.
UPDATE sealed_secrets
   SET wrapping = %(wrapping)s, ciphertext = %(ciphertext)s
 WHERE organisation_id = %(organisation)s
   AND name = %(name)s
   AND (wrapping, ciphertext) = (%(old_wrapping)s, %(old_ciphertext)s)

-- name: update_2
UPDATE webhook_secrets
   SET wrapping = %(wrapping)s, ciphertext = %(ciphertext)s
 WHERE organisation_id = %(organisation)s
   AND endpoint_id = split_part(%(name)s, '/', 1)::uuid
   AND number = split_part(%(name)s, '/', 2)::integer
   AND (wrapping, ciphertext) = (%(old_wrapping)s, %(old_ciphertext)s)

-- name: update_3
UPDATE subject_keys
   SET wrapping = %(wrapping)s, ciphertext = %(ciphertext)s
 WHERE user_id = %(name)s::uuid
   AND destroyed_at IS NULL
   AND (wrapping, ciphertext) = (%(old_wrapping)s, %(old_ciphertext)s)

-- name: update_4
UPDATE letters
   SET wrapping = %(wrapping)s, ciphertext = %(ciphertext)s
 WHERE organisation_id = %(organisation)s
   AND id = %(name)s::uuid
   AND (wrapping, ciphertext) = (%(old_wrapping)s, %(old_ciphertext)s)
