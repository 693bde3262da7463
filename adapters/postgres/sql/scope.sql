-- name: enter
-- True: until the transaction ends, so that a pooled connection never carries a scope along.
SELECT set_config('app.organisation_id', %(organisation)s, true),
       set_config('app.user_id', %(user)s, true)

-- name: enter_to_ask
-- And whoever only asks writes nothing: there is no end that could undo it.
SELECT set_config('app.organisation_id', %(organisation)s, true),
       set_config('app.user_id', %(user)s, true),
       set_config('transaction_read_only', 'on', true)

-- name: ping
SELECT 1 AS answer
