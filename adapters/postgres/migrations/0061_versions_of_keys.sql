-- The version of the API in which a key was made.  There was one until now.
ALTER TABLE api_keys ADD COLUMN api_version text NOT NULL DEFAULT '2026-11-01';
