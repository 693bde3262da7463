-- Messages may be signed with a key whose other half receivers have: Ed25519, "v1a".  A release
-- that does not know of it leaves the column out, and makes endpoints with a shared secret.
ALTER TABLE webhook_endpoints
    ADD COLUMN scheme text NOT NULL DEFAULT 'v1';
ALTER TABLE webhook_endpoints
    ADD CONSTRAINT a_scheme_is_one_of_two CHECK (scheme IN ('v1', 'v1a')) NOT VALID;
ALTER TABLE webhook_secrets ADD COLUMN public_key bytea;
