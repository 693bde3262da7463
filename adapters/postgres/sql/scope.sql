-- name: enter
-- True: until the transaction ends, so that a pooled connection never carries a scope along.
SELECT set_config('app.organisation_id', %(organisation)s, true),
       set_config('app.user_id', %(user)s, true)

-- name: ping
SELECT 1 AS answer
