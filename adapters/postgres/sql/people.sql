-- name: insert_team
INSERT INTO teams (organisation_id, id, name, members, created_at, dissolved_at)
VALUES (%(organisation_id)s, %(id)s, %(name)s, %(members)s, %(created_at)s, %(dissolved_at)s)

-- name: select_team
SELECT organisation_id, id, name, members, created_at, dissolved_at
  FROM teams
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: select_teams
SELECT organisation_id, id, name, members, created_at, dissolved_at
  FROM teams
 WHERE organisation_id = %(organisation)s
   AND dissolved_at IS NULL
 ORDER BY created_at, id

-- name: update_team
UPDATE teams
   SET name = %(name)s,
       members = %(members)s,
       dissolved_at = %(dissolved_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s

-- name: count_members
SELECT count(*) AS count
  FROM members
 WHERE organisation_id = %(organisation)s
   AND id = ANY(%(ids)s)
   AND removed_at IS NULL

-- name: put_quota
INSERT INTO quotas (organisation_id, subject_kind, subject_id, quota_window, most, set_at)
VALUES (%(organisation_id)s, %(subject_kind)s, %(subject_id)s, %(quota_window)s, %(most)s,
        %(set_at)s)
    ON CONFLICT ON CONSTRAINT one_quota_per_window DO UPDATE
   SET most = EXCLUDED.most,
       set_at = EXCLUDED.set_at

-- name: remove_quota
UPDATE quotas
   SET most = NULL
 WHERE organisation_id = %(organisation)s
   AND subject_kind = %(subject_kind)s
   AND subject_id = %(subject_id)s
   AND quota_window = %(quota_window)s
   AND most IS NOT NULL

-- name: select_quotas
SELECT organisation_id, subject_kind, subject_id, quota_window, most, set_at
  FROM quotas
 WHERE organisation_id = %(organisation)s
   AND most IS NOT NULL
   AND (%(subject_id)s::uuid IS NULL OR subject_id = %(subject_id)s)
   AND (%(quota_window)s::text IS NULL OR quota_window = %(quota_window)s)
 ORDER BY subject_kind, subject_id, quota_window

-- name: select_member_of_key
SELECT created_by AS member_id
  FROM api_keys
 WHERE organisation_id = %(organisation)s
   AND id = %(key)s

-- name: select_teams_of
SELECT id
  FROM teams
 WHERE organisation_id = %(organisation)s
   AND dissolved_at IS NULL
   AND %(member)s = ANY(members)
 ORDER BY id

-- name: select_quotas_of
SELECT organisation_id, subject_kind, subject_id, quota_window, most, set_at
  FROM quotas
 WHERE organisation_id = %(organisation)s
   AND most IS NOT NULL
   AND (subject_id = %(member)s
        OR subject_id = %(key)s
        OR subject_id IN (SELECT id
                            FROM teams
                           WHERE organisation_id = %(organisation)s
                             AND dissolved_at IS NULL
                             AND %(member)s = ANY(members)))
 ORDER BY subject_kind, subject_id, quota_window

-- name: insert_hold_team
INSERT INTO hold_teams (organisation_id, team_id, hold_id)
VALUES (%(organisation)s, %(team)s, %(hold)s)

-- name: select_keys_of
SELECT id
  FROM api_keys
 WHERE organisation_id = %(organisation)s
   AND created_by = %(member)s

-- name: taken_by_member
-- What a lease has ended is free, although nobody has recorded it yet.
SELECT coalesce(sum(amount) FILTER (WHERE state = 'held'
                                      AND (lease_until IS NULL OR lease_until > %(now)s)),
                0)::bigint AS held,
       coalesce(sum(captured - corrected), 0)::bigint AS used
  FROM holds
 WHERE organisation_id = %(organisation)s
   AND member = ANY(%(names)s)
   AND held_at >= %(since)s

-- name: taken_by_team
SELECT coalesce(sum(hold.amount) FILTER (WHERE hold.state = 'held'
                                           AND (hold.lease_until IS NULL
                                                OR hold.lease_until > %(now)s)),
                0)::bigint AS held,
       coalesce(sum(hold.captured - hold.corrected), 0)::bigint AS used
  FROM hold_teams AS team
  JOIN holds AS hold
    ON hold.organisation_id = team.organisation_id
   AND hold.id = team.hold_id
 WHERE team.organisation_id = %(organisation)s
   AND team.team_id = %(team)s
   AND hold.held_at >= %(since)s

-- name: insert_shift
INSERT INTO quota_shifts (organisation_id, id, giver, receiver, quota_window, since, amount,
                          asked_by, at)
VALUES (%(organisation_id)s, %(id)s, %(giver)s, %(receiver)s, %(quota_window)s, %(since)s,
        %(amount)s, %(asked_by)s, %(at)s)

-- name: shifted
SELECT coalesce(sum(CASE WHEN receiver = %(member)s THEN amount ELSE -amount END), 0)::bigint
       AS shifted
  FROM quota_shifts
 WHERE organisation_id = %(organisation)s
   AND quota_window = %(quota_window)s
   AND since = %(since)s
   AND %(member)s IN (giver, receiver)

-- name: insert_gift
INSERT INTO gifts (organisation_id, id, direction, other_id, amount, message, state, sent_by,
                   sent_at, closed_at)
VALUES (%(organisation_id)s, %(id)s, %(direction)s, %(other_id)s, %(amount)s, %(message)s,
        %(state)s, %(sent_by)s, %(sent_at)s, %(closed_at)s)
    ON CONFLICT ON CONSTRAINT gifts_pkey DO NOTHING

-- name: insert_gift_lot
INSERT INTO gift_lots (organisation_id, gift_id, position, lot_id, amount, unit_cost_micros,
                       currency, expires_at)
VALUES (%(organisation_id)s, %(gift_id)s, %(position)s, %(lot_id)s, %(amount)s,
        %(unit_cost_micros)s, %(currency)s, %(expires_at)s)

-- name: select_gift
SELECT organisation_id, id, direction, other_id, amount, message, state, sent_by, sent_at,
       closed_at
  FROM gifts
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: select_gift_lots
SELECT lot_id, amount, unit_cost_micros, currency, expires_at
  FROM gift_lots
 WHERE organisation_id = %(organisation)s
   AND gift_id = %(id)s
 ORDER BY position

-- name: close_gift
-- A gift ends once.
UPDATE gifts
   SET state = %(state)s,
       closed_at = %(closed_at)s
 WHERE organisation_id = %(organisation_id)s
   AND id = %(id)s
   AND state = 'under_way'

-- name: list_gifts
SELECT organisation_id, id, direction, other_id, amount, message, state, sent_by, sent_at,
       closed_at
  FROM gifts
 WHERE organisation_id = %(organisation)s
   AND (%(after)s::uuid IS NULL OR id < %(after)s)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: given_since
SELECT coalesce(sum(amount), 0)::bigint AS given
  FROM gifts
 WHERE organisation_id = %(organisation)s
   AND direction = 'sent'
   AND state <> 'returned'
   AND sent_at >= %(since)s

-- name: gifts_under_way
SELECT organisation_id, id FROM narrow.gifts_under_way(%(limit)s)

-- name: usage
-- What the journal posted to `spent`, and back; and what is held still.  What a lease has ended is
-- free, although nobody has recorded it yet.
WITH used (hold_id, at, captured, held, number) AS (
    SELECT hold_id, at, CASE WHEN credit = 'spent' THEN amount ELSE -amount END, 0,
           CASE WHEN credit = 'spent' THEN 1 ELSE 0 END
      FROM journal
     WHERE organisation_id = %(organisation)s
       AND at >= %(since)s
       AND at < %(until)s
       AND 'spent' IN (debit, credit)
     UNION ALL
    SELECT id, held_at, 0, amount, 0
      FROM holds
     WHERE organisation_id = %(organisation)s
       AND held_at >= %(since)s
       AND held_at < %(until)s
       AND state = 'held'
       AND (lease_until IS NULL OR lease_until > %(now)s)
)
SELECT CASE %(by)s::text
            WHEN 'day' THEN to_char(used.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            WHEN 'member' THEN hold.member
            WHEN 'operation' THEN hold.operation
       END COLLATE "C" AS key,
       sum(used.captured)::bigint AS captured,
       sum(used.held)::bigint AS held,
       sum(used.number)::bigint AS number
  FROM used
  JOIN holds AS hold
    ON hold.organisation_id = %(organisation)s
   AND hold.id = used.hold_id
 GROUP BY 1
 ORDER BY 1 NULLS LAST

-- name: select_lot_id
SELECT id
  FROM lots
 WHERE organisation_id = %(organisation)s
   AND id = %(id)s

-- name: list_lots
SELECT lot.id, lot.source, lot.priority, lot.amount, lot.remaining, lot.lapsed, lot.clawed_back,
       lot.effective_at, lot.expires_at, lot.ended_at, lot.fact, lot.root_id, lot.unit_cost_micros,
       lot.currency
  FROM lots AS lot
 WHERE lot.organisation_id = %(organisation)s
   AND (NOT %(is_open)s::boolean
        OR (lot.remaining > 0
            AND coalesce(least(lot.expires_at, lot.ended_at) > %(now)s, true)))
   AND (%(after)s::uuid IS NULL
        OR (lot.effective_at, lot.id) < (SELECT last.effective_at, last.id
                                           FROM lots AS last
                                          WHERE last.organisation_id = %(organisation)s
                                            AND last.id = %(after)s))
 ORDER BY lot.effective_at DESC, lot.id DESC
 LIMIT %(limit)s
