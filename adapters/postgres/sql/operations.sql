-- name: insert_deployment
-- The queue's row only with the deployment's: where id or client reference is taken, neither is
-- stored and no row comes back.
WITH deployment AS (
    INSERT INTO deployments (organisation_id, id, live, account_id, owner, token_kind, token_name,
                             token_symbol, token_decimals, token_supply, token_parameters,
                             predicted, plan_hash, declared_minor, declared_currency,
                             client_reference, metadata, of_id, order_action,
                             order_parameters)
    VALUES (%(organisation_id)s, %(id)s, %(live)s, %(account_id)s, %(owner)s, %(token_kind)s,
            %(token_name)s, %(token_symbol)s, %(token_decimals)s, %(token_supply)s,
            %(token_parameters)s, %(predicted)s, %(plan_hash)s, %(declared_minor)s,
            %(declared_currency)s, %(client_reference)s, %(metadata)s, %(of_id)s, %(order_action)s, %(order_parameters)s)
        ON CONFLICT DO NOTHING
    RETURNING organisation_id, id, live
)
INSERT INTO operations (organisation_id, id, kind, network, live, requested_by, payer, sender,
                        fee_ceiling, credits, hold_id, accepted_at, state, result,
                        failure_reason, failure_without_effect, failure_detail, waiting,
                        waiting_since, due_at, request_id, traceparent)
SELECT organisation_id, id, %(kind)s, %(network)s, live, %(requested_by)s, %(payer)s, %(sender)s,
       %(fee_ceiling)s, %(credits)s, %(hold_id)s, %(accepted_at)s, %(state)s, %(result)s,
       %(failure_reason)s, %(failure_without_effect)s, %(failure_detail)s, %(waiting)s,
       %(waiting_since)s, %(due_at)s, %(request_id)s, %(traceparent)s
  FROM deployment
RETURNING id

-- name: exists
SELECT EXISTS (SELECT
                 FROM operations
                WHERE organisation_id = %(organisation_id)s
                  AND id = %(id)s) AS is_taken

-- name: lock_operation
-- A statement of its own: what is read after it is what the holder before us left behind.
-- Planned once, as `select_lots` (ledger.sql).
SELECT id
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND id = ANY((SELECT %(ids)s::uuid[])::uuid[])
   FOR UPDATE

-- name: select_deployments
-- A row for each attempt, slot or step, and most operations have one of each: one statement costs
-- both sides less than one for each table would.  What was signed is asked for apart.
-- The version is of the operation's row, which every change of the rest goes along with: who wrote
-- it and where, and the instants in it, for after a restore transactions are numbered as before.
SELECT concat_ws(' ', operation.xmin, operation.ctid, operation.due_at, operation.lease_until)
       AS version,
       operation.organisation_id, operation.id, operation.kind, operation.network,
       operation.live, operation.requested_by, operation.payer, operation.sender,
       operation.fee_ceiling, operation.credits, operation.hold_id, operation.accepted_at,
       operation.state, operation.result, operation.failure_reason,
       operation.failure_without_effect, operation.failure_detail, operation.waiting,
       operation.waiting_since,
       deployment.account_id, deployment.owner, deployment.token_kind, deployment.token_name,
       deployment.token_symbol, deployment.token_decimals, deployment.token_supply,
       deployment.token_parameters, deployment.predicted, deployment.plan_hash,
       deployment.declared_minor, deployment.declared_currency,
       deployment.client_reference, deployment.metadata, deployment.of_id,
       deployment.order_action, deployment.order_parameters,
       step.number AS step_number, step.name AS step_name, step.is_final,
       step.included_transaction_id, step.included_block, step.included_block_hash,
       step.included_succeeded, step.included_cost,
       slot.number AS slot_number, slot.network AS slot_network, slot.signer, slot.sequence,
       slot.lease, slot.valid_until, slot.state AS slot_state,
       attempt.number AS attempt_number, attempt.role, attempt.origin, attempt.transaction_id,
       attempt.fee_cap, attempt.value, attempt.signed_at, attempt.broadcast_at, attempt.rejected,
       attempt.cost, attempt.cost_rate, attempt.cost_currency, attempt.cost_rate_source,
       attempt.cost_rate_at
  FROM operations AS operation
  JOIN deployments AS deployment
    ON deployment.organisation_id = operation.organisation_id
   AND deployment.id = operation.id
  LEFT JOIN steps AS step
    ON step.organisation_id = operation.organisation_id
   AND step.operation_id = operation.id
  LEFT JOIN slots AS slot
    ON slot.organisation_id = step.organisation_id
   AND slot.operation_id = step.operation_id
   AND slot.step_number = step.number
  LEFT JOIN attempts AS attempt
    ON attempt.organisation_id = slot.organisation_id
   AND attempt.operation_id = slot.operation_id
   AND attempt.step_number = slot.step_number
   AND attempt.slot_number = slot.number
 WHERE operation.organisation_id = %(organisation)s
   AND operation.id = ANY(%(ids)s)
 ORDER BY operation.id DESC, step.number, slot.number, attempt.number

-- name: select_signed
SELECT asked.position, attempt.raw, attempt.body
  FROM unnest(%(operations)s::uuid[], %(steps)s::integer[], %(numbers)s::integer[])
       WITH ORDINALITY AS asked (operation_id, step_number, number, position)
  JOIN attempts AS attempt
    ON attempt.organisation_id = %(organisation)s
   AND attempt.operation_id = asked.operation_id
   AND attempt.step_number = asked.step_number
   AND attempt.number = asked.number
 ORDER BY asked.position

-- name: update_operation_under_claim
-- The lease is tested where the row is locked, and by the clock that gave it.
UPDATE operations
   SET hold_id = %(hold_id)s,
       accepted_at = %(accepted_at)s,
       state = %(state)s,
       result = %(result)s,
       failure_reason = %(failure_reason)s,
       failure_without_effect = %(failure_without_effect)s,
       failure_detail = %(failure_detail)s,
       waiting = %(waiting)s,
       waiting_since = %(waiting_since)s,
       due_at = %(due_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND lease_token = %(token)s
   AND lease_until > clock_timestamp()

-- name: update_operation
-- Whoever has a lease has lost it.
UPDATE operations
   SET hold_id = %(hold_id)s,
       accepted_at = %(accepted_at)s,
       state = %(state)s,
       result = %(result)s,
       failure_reason = %(failure_reason)s,
       failure_without_effect = %(failure_without_effect)s,
       failure_detail = %(failure_detail)s,
       waiting = %(waiting)s,
       waiting_since = %(waiting_since)s,
       due_at = %(due_at)s,
       lease_token = NULL,
       lease_until = NULL,
       lease_worker = NULL
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: update_deployment
UPDATE deployments
   SET owner = %(owner)s,
       predicted = %(predicted)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: upsert_step
INSERT INTO steps (organisation_id, operation_id, number, name, is_final,
                   included_transaction_id, included_block, included_block_hash,
                   included_succeeded, included_cost)
VALUES (%(organisation_id)s, %(operation_id)s, %(number)s, %(name)s, %(is_final)s,
        %(included_transaction_id)s, %(included_block)s, %(included_block_hash)s,
        %(included_succeeded)s, %(included_cost)s)
    ON CONFLICT (organisation_id, operation_id, number) DO UPDATE
   SET is_final = EXCLUDED.is_final,
       included_transaction_id = EXCLUDED.included_transaction_id,
       included_block = EXCLUDED.included_block,
       included_block_hash = EXCLUDED.included_block_hash,
       included_succeeded = EXCLUDED.included_succeeded,
       included_cost = EXCLUDED.included_cost

-- name: insert_step
-- Of an operation that is new, if it was stored.
INSERT INTO steps (organisation_id, operation_id, number, name, is_final)
SELECT organisation_id, id, %(number)s, %(name)s, false
  FROM operations
 WHERE organisation_id = %(organisation_id)s
   AND id = %(operation_id)s
    ON CONFLICT DO NOTHING

-- name: upsert_slot
INSERT INTO slots (organisation_id, operation_id, step_number, number, network, signer, sequence,
                   lease, valid_until, state, is_adopted)
VALUES (%(organisation_id)s, %(operation_id)s, %(step_number)s, %(number)s, %(network)s,
        %(signer)s, %(sequence)s, %(lease)s, %(valid_until)s, %(state)s, %(is_adopted)s)
    ON CONFLICT (organisation_id, operation_id, step_number, number) DO UPDATE
   SET valid_until = EXCLUDED.valid_until,
       state = EXCLUDED.state,
       is_adopted = EXCLUDED.is_adopted

-- name: insert_attempt
INSERT INTO attempts (organisation_id, operation_id, step_number, slot_number, number, role,
                      origin, transaction_id, raw, body, fee_cap, value, signed_at, broadcast_at,
                      rejected, cost, cost_rate, cost_currency, cost_rate_source,
                      cost_rate_at)
VALUES (%(organisation_id)s, %(operation_id)s, %(step_number)s, %(slot_number)s, %(number)s,
        %(role)s, %(origin)s, %(transaction_id)s, %(raw)s, %(body)s, %(fee_cap)s, %(value)s,
        %(signed_at)s, %(broadcast_at)s, %(rejected)s, %(cost)s, %(cost_rate)s, %(cost_currency)s,
        %(cost_rate_source)s, %(cost_rate_at)s)

-- name: update_attempt
-- What was signed stays as it was signed.
UPDATE attempts
   SET broadcast_at = %(broadcast_at)s,
       rejected = %(rejected)s,
       cost = %(cost)s,
       cost_rate = %(cost_rate)s,
       cost_currency = %(cost_currency)s,
       cost_rate_source = %(cost_rate_source)s,
       cost_rate_at = %(cost_rate_at)s
 WHERE organisation_id = %(organisation_id)s
   AND operation_id = %(operation_id)s
   AND step_number = %(step_number)s
   AND number = %(number)s

-- name: due_at
SELECT due_at
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: find_by_reference
SELECT id
  FROM deployments
 WHERE organisation_id = %(organisation)s
   AND live = %(live)s
   AND client_reference = %(reference)s

-- name: list
SELECT id, concat_ws(' ', xmin, ctid, due_at, lease_until) AS version
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND (%(after)s::uuid IS NULL OR id < %(after)s)
   AND (%(state)s::operation_state IS NULL OR state = %(state)s)
   AND (%(network)s::text IS NULL OR network = %(network)s)
   AND (%(live)s::boolean IS NULL OR live = %(live)s)
   AND kind = ANY(%(kinds)s::operation_kind[])
   AND (%(of)s::uuid IS NULL
        OR id IN (SELECT id
                    FROM deployments
                   WHERE organisation_id = %(organisation)s
                     AND of_id = %(of)s))
   AND (%(token_kind)s::text IS NULL
        OR id IN (SELECT id
                    FROM deployments
                   WHERE organisation_id = %(organisation)s
                     AND token_kind = %(token_kind)s))
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: on_token
SELECT id
  FROM deployments
 WHERE organisation_id = %(organisation)s
   AND of_id = %(of)s

-- name: handed_to
SELECT DISTINCT ON (handed.of_id) handed.of_id, handed.order_parameters ->> 'to' AS address
  FROM deployments AS handed
  JOIN operations AS done
    ON done.organisation_id = handed.organisation_id
   AND done.id = handed.id
 WHERE handed.organisation_id = %(organisation)s
   AND handed.of_id = ANY(%(tokens)s)
   AND done.kind = 'hand_over'
   AND done.state = 'Completed'
 ORDER BY handed.of_id, done.accepted_at DESC

-- name: handing_to
SELECT handed.id
  FROM deployments AS handed
  JOIN operations AS operation
    ON operation.organisation_id = handed.organisation_id
   AND operation.id = handed.id
 WHERE handed.organisation_id = %(organisation)s
   AND operation.kind = 'hand_over'
   AND handed.order_parameters ->> 'to' = %(address)s

-- name: held_by
-- Whose a token is says its last hand-over, or else the deployment.
SELECT deployment.id
  FROM deployments AS deployment
  JOIN operations AS operation
    ON operation.organisation_id = deployment.organisation_id
   AND operation.id = deployment.id
  LEFT JOIN LATERAL (
       SELECT handed.order_parameters ->> 'to' AS address
         FROM deployments AS handed
         JOIN operations AS done
           ON done.organisation_id = handed.organisation_id
          AND done.id = handed.id
        WHERE handed.organisation_id = deployment.organisation_id
          AND handed.of_id = deployment.id
          AND done.kind = 'hand_over'
          AND done.state = 'Completed'
        ORDER BY done.accepted_at DESC
        LIMIT 1) AS latest ON true
 WHERE deployment.organisation_id = %(organisation)s
   AND deployment.account_id = %(account)s
   AND operation.kind = 'deployment'
   AND operation.state NOT IN ('Failed', 'Cancelled')
   AND coalesce(latest.address, deployment.owner) = ANY(%(addresses)s)
 ORDER BY deployment.id

-- name: anchors_from
-- The index `anchors_by_size` has exactly these expressions, and is left at the first that is
-- the network's: there is one for every hour.
SELECT first.id
  FROM networks AS network
 CROSS JOIN LATERAL (
       SELECT operation.id
         FROM deployments AS deployment
         JOIN operations AS operation
           ON operation.organisation_id = deployment.organisation_id
          AND operation.id = deployment.id
        WHERE deployment.organisation_id = %(organisation)s
          AND deployment.token_kind = 'checkpoint_anchor'
          AND deployment.token_parameters ->> 'origin' = %(origin)s
          AND (deployment.token_parameters ->> 'size')::bigint >= %(size)s
          AND operation.network = network.id
          AND operation.state = 'Completed'
        ORDER BY (deployment.token_parameters ->> 'size')::bigint
        LIMIT 1) AS first

-- name: kinds_of
SELECT id, kind
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND id = ANY(%(ids)s::uuid[])

-- name: causes_of
SELECT id, request_id, traceparent
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND id = ANY(%(ids)s::uuid[])

-- name: in_flight
SELECT count(DISTINCT operation.id) AS count
  FROM operations AS operation
  JOIN deployments AS deployment
    ON deployment.organisation_id = operation.organisation_id
   AND deployment.id = operation.id
  JOIN slots AS slot
    ON slot.organisation_id = operation.organisation_id
   AND slot.operation_id = operation.id
 WHERE operation.organisation_id = %(organisation)s
   AND operation.due_at IS NOT NULL
   AND operation.network = %(network)s
   AND operation.id <> %(besides)s
   AND deployment.account_id = %(account)s
   AND slot.state = 'open'

-- name: count_accepted
SELECT count(*) AS count
  FROM operations
 WHERE organisation_id = %(organisation)s
   AND accepted_at >= %(since)s
   AND accepted_at < %(until)s
   AND kind IN ('deployment', 'install_factory')
   AND state <> 'Cancelled'
   AND failure_without_effect IS NOT TRUE

-- name: claim
SELECT organisation_id, operation_id, token, request_id, traceparent
  FROM narrow.claim_from_lines(%(now)s, %(limit)s, %(lease)s, %(worker)s, %(queued_first)s,
                               %(full)s)

-- name: prolong
SELECT organisation_id, operation_id, token
  FROM narrow.prolong_claims(%(organisations)s, %(operations)s, %(tokens)s, %(lease)s)

-- name: next_due
SELECT narrow.next_due() AS due_at
