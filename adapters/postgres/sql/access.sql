-- name: insert_organisation
INSERT INTO organisations (id, name, tariff, created_at)
VALUES (%(organisation_id)s, %(organisation_name)s, %(tariff)s, %(organisation_created_at)s)

-- name: insert_member
INSERT INTO members (organisation_id, id, user_id, role, created_at, removed_at)
VALUES (%(organisation_id)s, %(member_id)s, %(user_id)s, %(role)s, %(member_created_at)s,
        %(member_removed_at)s)

-- name: insert_wallet
INSERT INTO wallets (organisation_id) VALUES (%(organisation_id)s)

-- name: insert_audit_head
INSERT INTO audit_heads (organisation_id) VALUES (%(organisation_id)s)

-- name: select_organisation
SELECT id AS organisation_id, name AS organisation_name, tariff,
       created_at AS organisation_created_at
  FROM organisations
 WHERE id = %(organisation)s

-- name: set_tariff
UPDATE organisations SET tariff = %(tariff)s WHERE id = %(organisation)s

-- name: list_organisations
SELECT id FROM narrow.list_organisations(%(after)s, %(limit)s)

-- name: tariffs_in_use
SELECT tariff, organisations FROM narrow.tariffs_in_use()

-- name: select_organisations_of_user
SELECT organisation.id AS organisation_id, organisation.name AS organisation_name,
       organisation.tariff, organisation.created_at AS organisation_created_at,
       member.id AS member_id, member.user_id, member.role,
       member.created_at AS member_created_at, member.removed_at AS member_removed_at
  FROM members AS member
  JOIN organisations AS organisation ON organisation.id = member.organisation_id
 WHERE member.user_id = %(user)s
   AND member.removed_at IS NULL
 ORDER BY member.created_at, member.id

-- name: memberships_of_user
SELECT organisation_id, id FROM narrow.memberships_of_user()

-- name: select_member
SELECT organisation_id, id AS member_id, user_id, role, created_at AS member_created_at,
       removed_at AS member_removed_at
  FROM members
 WHERE organisation_id = %(organisation)s
   AND user_id = %(of_user)s
   AND removed_at IS NULL

-- name: members
SELECT organisation_id, id AS member_id, user_id, role, created_at AS member_created_at,
       removed_at AS member_removed_at
  FROM members
 WHERE organisation_id = %(organisation)s
 ORDER BY created_at, id

-- name: lock_members
-- Rows that refer to the organisation may be written meanwhile.
SELECT id FROM organisations WHERE id = %(organisation)s FOR NO KEY UPDATE

-- name: update_member
UPDATE members
   SET role = %(role)s,
       removed_at = %(member_removed_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(member_id)s

-- name: insert_user
-- No row comes back where the address is taken; also where its owner is invisible to us.
INSERT INTO users (id, email, password_hash, created_at)
VALUES (%(id)s, %(email)s, %(password_hash)s, %(created_at)s)
    ON CONFLICT (email) DO NOTHING
RETURNING id

-- name: find_login
SELECT narrow.find_login(%(email)s) AS id

-- name: select_user
SELECT id, email, password_hash, created_at FROM users WHERE id = %(user)s

-- name: set_password
UPDATE users SET password_hash = %(password_hash)s WHERE id = %(user)s

-- name: insert_verification
INSERT INTO verifications (user_id, verified_at)
VALUES (%(user)s, %(now)s)
    ON CONFLICT (user_id) DO NOTHING

-- name: select_verification
SELECT verified_at FROM verifications WHERE user_id = %(user)s

-- name: is_verified
SELECT EXISTS (SELECT
                 FROM members AS member
                 JOIN verifications AS verification ON verification.user_id = member.user_id
                WHERE member.organisation_id = %(organisation)s
                  AND member.id = %(member)s
                  AND member.removed_at IS NULL) AS is_verified

-- name: erase_user
UPDATE users
   SET email = %(pseudonym)s,
       password_hash = %(password_hash)s
 WHERE id = %(user)s

-- name: insert_subject_key
INSERT INTO subject_keys (user_id, wrapping, ciphertext, made_at, destroyed_at)
VALUES (%(user_id)s, %(wrapping)s, %(ciphertext)s, %(made_at)s, %(destroyed_at)s)
    ON CONFLICT (user_id) DO NOTHING

-- name: select_subject_key
SELECT user_id, wrapping, ciphertext, made_at, destroyed_at
  FROM subject_keys
 WHERE user_id = %(of_user)s

-- name: lock_subject_key
SELECT user_id, wrapping, ciphertext, made_at, destroyed_at
  FROM subject_keys
 WHERE user_id = %(user)s
   FOR UPDATE

-- name: destroy_subject_key
UPDATE subject_keys
   SET wrapping = NULL,
       ciphertext = NULL,
       destroyed_at = %(now)s
 WHERE user_id = %(user)s

-- name: select_epoch
SELECT auth_epoch FROM installation

-- name: advance_epoch
SELECT narrow.advance_auth_epoch() AS auth_epoch

-- name: revoke_sessions
UPDATE sessions
   SET revoked_at = %(now)s,
       successor = NULL
 WHERE user_id = %(user)s
   AND revoked_at IS NULL
   AND (%(but)s::uuid IS NULL OR id <> %(but)s)

-- name: list_sessions
SELECT id AS session_id, user_id, organisation_id, created_at, expires_at, refresh_hash,
       previous_hash, rotated_at, successor, revoked_at
  FROM sessions
 WHERE user_id = %(user)s
   AND revoked_at IS NULL
   AND expires_at > %(now)s
   AND auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)
 ORDER BY created_at DESC, id DESC

-- name: insert_session
INSERT INTO sessions (id, user_id, organisation_id, created_at, expires_at, refresh_hash,
                      previous_hash, rotated_at, successor, revoked_at, auth_epoch)
VALUES (%(session_id)s, %(user_id)s, %(organisation_id)s, %(created_at)s, %(expires_at)s,
        %(refresh_hash)s, %(previous_hash)s, %(rotated_at)s, %(successor)s, %(revoked_at)s,
        coalesce((SELECT auth_epoch FROM installation), 0))

-- name: select_session
SELECT id AS session_id, user_id, organisation_id, created_at, expires_at, refresh_hash,
       previous_hash, rotated_at, successor, revoked_at
  FROM sessions
 WHERE id = %(id)s
   AND user_id = %(user)s

-- name: lock_session
SELECT id AS session_id, user_id, organisation_id, created_at, expires_at, refresh_hash,
       previous_hash, rotated_at, successor, revoked_at
  FROM sessions
 WHERE id = %(id)s
   AND user_id = %(user)s
   AND auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)
   FOR UPDATE

-- name: update_session
UPDATE sessions
   SET organisation_id = %(organisation_id)s,
       expires_at = %(expires_at)s,
       refresh_hash = %(refresh_hash)s,
       previous_hash = %(previous_hash)s,
       rotated_at = %(rotated_at)s,
       successor = %(successor)s,
       revoked_at = %(revoked_at)s
 WHERE id = %(session_id)s
   AND user_id = %(user_id)s

-- name: select_session_standing
SELECT session.id AS session_id, session.user_id, session.organisation_id, session.created_at,
       session.expires_at, session.refresh_hash, session.previous_hash, session.rotated_at,
       session.successor, session.revoked_at,
       organisation.name AS organisation_name, organisation.tariff,
       organisation.created_at AS organisation_created_at,
       member.id AS member_id, member.role, member.created_at AS member_created_at,
       member.removed_at AS member_removed_at
  FROM sessions AS session
  JOIN members AS member
    ON member.organisation_id = session.organisation_id
   AND member.user_id = session.user_id
   AND member.removed_at IS NULL
  JOIN organisations AS organisation ON organisation.id = session.organisation_id
 WHERE session.id = %(id)s
   AND session.user_id = %(user)s
   AND session.auth_epoch >= coalesce((SELECT auth_epoch FROM installation), 0)
   AND (%(organisation)s::uuid IS NULL OR session.organisation_id = %(organisation)s)

-- name: insert_api_key
INSERT INTO api_keys (organisation_id, id, name, live, scopes, secret_hash, hint, created_by,
                      created_at, expires_at, revoked_at, requests_per_minute,
                      networks, last_used_at, api_version, auth_epoch)
VALUES (%(organisation_id)s, %(id)s, %(name)s, %(live)s, %(scopes)s, %(secret_hash)s, %(hint)s,
        %(created_by)s, %(created_at)s, %(expires_at)s, %(revoked_at)s, %(requests_per_minute)s,
        %(networks)s, %(last_used_at)s, %(api_version)s, %(auth_epoch)s)

-- name: find_api_key
SELECT organisation_id, id, coalesce((SELECT auth_epoch FROM installation), 0) AS current_epoch
  FROM narrow.find_api_key(%(id)s)

-- name: select_api_key
SELECT organisation_id, id, name, live, scopes, secret_hash, hint, created_by, created_at,
       expires_at, revoked_at, requests_per_minute, networks, last_used_at,
       api_version, auth_epoch
  FROM api_keys
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: enter_scope_of_key
SELECT set_config('app.organisation_id', found.organisation_id::text, true),
       coalesce((SELECT auth_epoch FROM installation), 0) AS current_epoch
  FROM narrow.find_api_key(%(id)s) AS found

-- name: leave_scope_of_key
SELECT set_config('app.organisation_id', coalesce(%(organisation)s::text, ''), true)

-- name: select_key_in_scope
-- Of nobody's key nothing was entered, and another one's is not seen: row-level security.
SELECT key.organisation_id, key.id, key.name, key.live, key.scopes, key.secret_hash, key.hint,
       key.created_by, key.created_at, key.expires_at, key.revoked_at,
       key.requests_per_minute, key.networks, key.last_used_at, key.api_version, key.auth_epoch,
       organisation.name AS organisation_name, organisation.tariff,
       organisation.created_at AS organisation_created_at,
       member.id AS member_id, member.user_id, member.role,
       member.created_at AS member_created_at, member.removed_at AS member_removed_at
  FROM api_keys AS key
  JOIN organisations AS organisation ON organisation.id = key.organisation_id
  JOIN members AS member
    ON member.organisation_id = key.organisation_id
   AND member.id = key.created_by
 WHERE key.organisation_id = nullif(current_setting('app.organisation_id', true), '')::uuid
   AND key.id = %(id)s

-- name: update_api_key
-- Whoever read it before it was revoked does not bring it back.
UPDATE api_keys
   SET name = %(name)s,
       scopes = %(scopes)s,
       expires_at = %(expires_at)s,
       revoked_at = coalesce(revoked_at, %(revoked_at)s),
       requests_per_minute = %(requests_per_minute)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: enable_api_key
UPDATE api_keys
   SET auth_epoch = %(auth_epoch)s
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s
   AND auth_epoch < %(auth_epoch)s
   AND revoked_at IS NULL

-- name: revoke_of_erased
SELECT narrow.revoke_api_keys_of_erased(%(user)s, %(now)s) AS revoked

-- name: api_key_used
UPDATE api_keys
   SET last_used_at = greatest(last_used_at, %(now)s)
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: list_api_keys
SELECT organisation_id, id, name, live, scopes, secret_hash, hint, created_by, created_at,
       expires_at, revoked_at, requests_per_minute, networks, last_used_at,
       api_version, auth_epoch
  FROM api_keys
 WHERE organisation_id = %(organisation)s
   AND (%(after)s::uuid IS NULL OR id < %(after)s)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: lock_login_attempts
-- There may be no row to lock, and a guess at an unknown address must wait like any other.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(key)s, 'hex'), 0))

-- name: select_login_attempts
SELECT count, last_at, locked_until FROM login_attempts WHERE key = %(key)s

-- name: upsert_login_attempts
INSERT INTO login_attempts (key, count, last_at, locked_until)
VALUES (%(key)s, %(count)s, %(last_at)s, %(locked_until)s)
    ON CONFLICT (key) DO UPDATE
   SET count = EXCLUDED.count,
       last_at = EXCLUDED.last_at,
       locked_until = EXCLUDED.locked_until

-- name: delete_login_attempts
DELETE FROM login_attempts WHERE key = %(key)s

-- name: purge_login_attempts
DELETE FROM login_attempts WHERE last_at < %(before)s
