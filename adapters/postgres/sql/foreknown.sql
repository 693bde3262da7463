-- name: organisation
-- A row of each table that has at most one for an organisation, behind the names of the tables.
-- What most organisations have none of is asked for only where there is some.
SELECT organisation.id AS "organisation.organisation_id",
       organisation.name AS "organisation.organisation_name",
       organisation.tariff AS "organisation.tariff",
       organisation.created_at AS "organisation.organisation_created_at",
       licence.told IS NOT NULL AS "licence",
       licence.arranged_at AS "licence.arranged_at",
       licence.told AS "licence.told",
       licence.due_at AS "licence.due_at",
       policy.needed IS NOT NULL AS "policy",
       policy.needed AS "policy.needed",
       choice.custodian IS NOT NULL AS "choice",
       choice.custodian AS "choice.custodian",
       account.id IS NOT NULL AS "account",
       account.organisation_id AS "account.organisation_id",
       account.id AS "account.id",
       account.family AS "account.family",
       account.live AS "account.live",
       account.custodian AS "account.custodian",
       account.origin AS "account.origin",
       account.state AS "account.state",
       account.key_ref AS "account.key_ref",
       account.curve AS "account.curve",
       account.public_key AS "account.public_key",
       account.address AS "account.address",
       account.further_keys AS "account.further_keys",
       account.created_at AS "account.created_at",
       (SELECT created_by
          FROM api_keys
         WHERE organisation_id = organisation.id
           AND id = %(key)s) AS "key.member_id",
       EXISTS (SELECT FROM subscriptions AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM disputes AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM purchases AS each WHERE each.organisation_id = organisation.id)
          AS has_payments,
       EXISTS (SELECT FROM quotas AS each WHERE each.organisation_id = organisation.id)
       OR EXISTS (SELECT FROM teams AS each WHERE each.organisation_id = organisation.id)
          AS has_people
  FROM organisations AS organisation
  LEFT JOIN licences AS licence ON licence.organisation_id = organisation.id
  LEFT JOIN approval_policies AS policy ON policy.organisation_id = organisation.id
  LEFT JOIN custodian_choices AS choice ON choice.organisation_id = organisation.id
  LEFT JOIN accounts AS account
    ON account.organisation_id = organisation.id
   AND account.family = %(family)s
   AND account.live = %(live)s
 WHERE organisation.id = %(organisation)s

-- name: treasury
SELECT is_treasury, network, address, key_ref, curve, public_key, next_sequence, slot_limit,
       halted, fence, balance, balance_level, balance_seen_at
  FROM signers
 WHERE network = %(network)s
   AND is_treasury
 ORDER BY address
