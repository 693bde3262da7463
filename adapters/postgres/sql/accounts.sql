-- name: insert_account
INSERT INTO accounts (organisation_id, id, family, live, custodian, state, key_ref, curve,
                      public_key, address, created_at)
VALUES (%(organisation_id)s, %(id)s, %(family)s, %(live)s, %(custodian)s, %(state)s, %(key_ref)s,
        %(curve)s, %(public_key)s, %(address)s, %(created_at)s)
    ON CONFLICT (organisation_id, family, live) DO NOTHING

-- name: select_account
SELECT organisation_id, id, family, live, custodian, state, key_ref, curve, public_key, address,
       created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: lock_account
SELECT organisation_id, id, family, live, custodian, state, key_ref, curve, public_key, address,
       created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   FOR UPDATE

-- name: update_account
UPDATE accounts
   SET state = %(state)s,
       key_ref = %(key_ref)s,
       curve = %(curve)s,
       public_key = %(public_key)s,
       address = %(address)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND family = %(family)s
   AND live = %(live)s

-- name: find_account
SELECT organisation_id, id, family, live, custodian, state, key_ref, curve, public_key, address,
       created_at
  FROM accounts
 WHERE organisation_id = %(organisation)s
   AND family = %(family)s
   AND live = %(live)s

-- name: requested_accounts
SELECT organisation_id, id FROM narrow.requested_accounts(%(limit)s)

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
