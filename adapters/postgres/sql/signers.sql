-- name: insert_signer
INSERT INTO signers (is_treasury, network, address, key_ref, curve, public_key, next_sequence,
                     slot_limit, halted, fence)
VALUES (%(is_treasury)s, %(network)s, %(address)s, %(key_ref)s, %(curve)s, %(public_key)s,
        %(next_sequence)s, %(slot_limit)s, %(halted)s, %(fence)s)
    ON CONFLICT DO NOTHING

-- name: select_signer
SELECT is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
       halted, fence
  FROM signers
 WHERE network = %(network)s
   AND address = %(address)s

-- name: select_treasury
SELECT is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
       halted, fence
  FROM signers
 WHERE network = %(network)s
   AND is_treasury
 ORDER BY address

-- name: select_signers_of_network
SELECT is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
       halted, fence
  FROM signers
 WHERE network = %(network)s
 ORDER BY address

-- name: lock_signer
-- The row of a signer is its line: whoever has it gives away the next nonce.
SELECT is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
       halted, fence
  FROM signers
 WHERE network = %(network)s
   AND address = %(address)s
   FOR UPDATE

-- name: update_signer
-- The fence is compared and not written: only taking the lease moves it.
UPDATE signers
   SET next_sequence = %(next_sequence)s,
       slot_limit = %(slot_limit)s,
       halted = %(halted)s
 WHERE network = %(network)s
   AND address = %(address)s
   AND fence = %(fence)s

-- name: count_open_slots
SELECT narrow.count_open_slots(%(network)s, %(address)s) AS count

-- name: lowest_open_slot
SELECT slot.organisation_id, slot.operation_id, slot.sequence,
       EXISTS (SELECT
                 FROM attempts AS attempt
                WHERE attempt.organisation_id = slot.organisation_id
                  AND attempt.operation_id = slot.operation_id
                  AND attempt.step_number = slot.step_number
                  AND attempt.slot_number = slot.number) AS has_attempt
  FROM slots AS slot
 WHERE slot.network = %(network)s
   AND slot.signer = %(address)s
   AND slot.state = 'open'
   AND slot.sequence IS NOT NULL
 ORDER BY slot.sequence
 LIMIT 1

-- name: take_signer_lease
UPDATE signers
   SET fence = fence + 1,
       lease_until = clock_timestamp() + %(lease)s
 WHERE network = %(network)s
   AND address = %(address)s
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
          halted, fence

-- name: select_holding
SELECT network, address, balance, balance_level, balance_seen_at
  FROM signers
 WHERE network = %(network)s
   AND address = %(address)s
   AND balance IS NOT NULL

-- name: update_holding
UPDATE signers
   SET balance = %(balance)s,
       balance_level = %(balance_level)s,
       balance_seen_at = %(balance_seen_at)s
 WHERE network = %(network)s
   AND address = %(address)s

-- name: register_network
-- No row comes back where it is registered in another class, or as another chain: rows that refer
-- to it rely on that.
INSERT INTO networks (id, name, family, class, genesis)
VALUES (%(id)s, %(name)s, %(family)s, %(class)s, %(genesis)s)
    ON CONFLICT (id) DO UPDATE
   SET name = EXCLUDED.name
 WHERE networks.class = EXCLUDED.class
   AND networks.genesis IS NOT DISTINCT FROM EXCLUDED.genesis
RETURNING id

-- name: select_network
SELECT id, final_number, final_hash, halted FROM networks WHERE id = %(id)s

-- name: lock_network
SELECT id, final_number, final_hash, halted FROM networks WHERE id = %(id)s FOR UPDATE

-- name: update_network
UPDATE networks
   SET final_number = %(final_number)s,
       final_hash = %(final_hash)s,
       halted = %(halted)s
 WHERE id = %(id)s
