-- name: insert_account
INSERT INTO accounts (organisation_id, id, family, live, custodian, origin, state, key_ref, curve,
                      public_key, address, further_keys, created_at)
VALUES (%(organisation_id)s, %(id)s, %(family)s, %(live)s, %(custodian)s, %(origin)s, %(state)s,
        %(key_ref)s, %(curve)s, %(public_key)s, %(address)s, %(further_keys)s, %(created_at)s)
    ON CONFLICT (organisation_id, family, live) DO NOTHING

-- name: select_account
SELECT organisation_id, id, family, live, custodian, origin, state, key_ref, curve, public_key,
       address, further_keys, created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: lock_account
-- Rows that refer to the account may be written meanwhile: whoever accepts a deployment has the
-- wallet by then, which comes after this lock.
SELECT organisation_id, id, family, live, custodian, origin, state, key_ref, curve, public_key,
       address, further_keys, created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   FOR NO KEY UPDATE

-- name: update_account
UPDATE accounts
   SET custodian = %(custodian)s,
       origin = %(origin)s,
       state = %(state)s,
       key_ref = %(key_ref)s,
       curve = %(curve)s,
       public_key = %(public_key)s,
       address = %(address)s,
       further_keys = %(further_keys)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND family = %(family)s
   AND live = %(live)s
   AND (origin = %(origin)s
        OR origin = 'arc76' AND key_ref IS NULL AND %(origin)s = 'custodian_instead')

-- name: find_account
SELECT organisation_id, id, family, live, custodian, origin, state, key_ref, curve, public_key,
       address, further_keys, created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND family = %(family)s
   AND live = %(live)s

-- name: chosen
SELECT custodian FROM custodian_choices WHERE organisation_id = %(organisation)s

-- name: choose
INSERT INTO custodian_choices (organisation_id, custodian)
VALUES (%(organisation)s, %(custodian)s)
    ON CONFLICT (organisation_id) DO UPDATE SET custodian = EXCLUDED.custodian

-- name: requested_accounts
SELECT organisation_id, id FROM narrow.requested_accounts(%(limit)s)

-- name: insert_change
INSERT INTO key_changes (organisation_id, id, account_id, action, custodian, key_ref, state, code,
                         requested_by, requested_at, ended_at)
VALUES (%(organisation_id)s, %(id)s, %(account_id)s, %(action)s, %(custodian)s, %(key_ref)s,
        %(state)s, %(code)s, %(requested_by)s, %(requested_at)s, %(ended_at)s)
    ON CONFLICT (organisation_id, account_id) WHERE ended_at IS NULL DO NOTHING

-- name: select_change
SELECT organisation_id, id, account_id, action, custodian, key_ref, state, code, requested_by,
       requested_at, ended_at
  FROM key_changes
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: update_change
UPDATE key_changes
   SET key_ref = %(key_ref)s,
       state = %(state)s,
       code = %(code)s,
       ended_at = %(ended_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: open_change
SELECT organisation_id, id, account_id, action, custodian, key_ref, state, code, requested_by,
       requested_at, ended_at
  FROM key_changes
 WHERE organisation_id = %(organisation)s
   AND account_id = %(account)s
   AND ended_at IS NULL

-- name: list_changes
SELECT organisation_id, id, account_id, action, custodian, key_ref, state, code, requested_by,
       requested_at, ended_at
  FROM key_changes
 WHERE organisation_id = %(organisation)s
   AND account_id = %(account)s
   AND (%(after)s::uuid IS NULL OR id < %(after)s)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: open_changes
SELECT organisation_id, id FROM narrow.open_key_changes(%(limit)s)

-- name: select_secret
SELECT wrapping, ciphertext
  FROM sealed_secrets
 WHERE organisation_id = %(organisation)s
   AND name = %(name)s

-- name: insert_secret
INSERT INTO sealed_secrets (organisation_id, name, wrapping, ciphertext)
VALUES (%(organisation)s, %(name)s, %(wrapping)s, %(ciphertext)s)
    ON CONFLICT DO NOTHING

-- name: update_secret
UPDATE sealed_secrets
   SET wrapping = %(wrapping)s,
       ciphertext = %(ciphertext)s
 WHERE organisation_id = %(organisation)s
   AND name = %(name)s
