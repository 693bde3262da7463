-- What the operator lets one API key do beyond what all may.
ALTER TABLE api_keys ADD COLUMN requests_per_minute integer;
-- No row had a number before: there is nothing to validate.
ALTER TABLE api_keys ADD CONSTRAINT a_key_may_do_something
    CHECK (requests_per_minute > 0) NOT VALID;
GRANT UPDATE (requests_per_minute) ON api_keys TO tallystick_app;
