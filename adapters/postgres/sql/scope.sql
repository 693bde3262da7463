-- name: enter
-- True: until the transaction ends, so that a pooled connection never carries a scope along.
SELECT set_config('app.organisation_id', %(organisation)s, true),
       set_config('app.user_id', %(user)s, true)

-- name: begin
-- The same with the transaction itself, in one message: the ids are written into it.
BEGIN;
SELECT set_config('app.organisation_id', '{organisation}', true),
       set_config('app.user_id', '{user}', true)
