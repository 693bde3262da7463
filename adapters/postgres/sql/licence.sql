-- name: select_licence
SELECT arranged_at, told, due_at
  FROM licences
 WHERE organisation_id = %(organisation)s

-- name: put_licence
INSERT INTO licences (organisation_id, arranged_at, told, due_at)
VALUES (%(organisation)s, %(arranged_at)s, %(told)s, %(due_at)s)
    ON CONFLICT (organisation_id) DO UPDATE
   SET arranged_at = EXCLUDED.arranged_at,
       told = EXCLUDED.told,
       due_at = EXCLUDED.due_at

-- name: due_licences
SELECT organisation_id
  FROM narrow.due_licences(%(now)s, %(limit)s)
