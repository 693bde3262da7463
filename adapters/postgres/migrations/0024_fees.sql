-- Fees in money: what a deployment was said to be worth, what coins were worth, and what was
-- charged.  Attempts have had columns for their cost from the start.
ALTER TABLE deployments
    ADD COLUMN declared_minor bigint CHECK (declared_minor >= 0),
    ADD COLUMN declared_currency text CHECK (declared_currency ~ '^[A-Z]{3}$'),
    ADD CONSTRAINT a_value_has_its_currency
        CHECK ((declared_minor IS NULL) = (declared_currency IS NULL)) NOT VALID;

ALTER TABLE attempts
    ADD CONSTRAINT a_rate_is_told_in_full
        CHECK (num_nulls(cost_rate, cost_currency, cost_rate_source, cost_rate_at) IN (0, 4))
        NOT VALID,
    ADD CONSTRAINT what_has_a_rate_has_a_cost CHECK (cost_rate IS NULL OR cost IS NOT NULL)
        NOT VALID;

-- What one whole coin of a network was worth.  Of no organisation; never changed.
CREATE TABLE rates (
    network text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    at timestamptz NOT NULL,
    price numeric NOT NULL CONSTRAINT a_coin_is_worth_something CHECK (price > 0),
    source text NOT NULL CHECK (source <> ''),
    CONSTRAINT rates_pkey PRIMARY KEY (network, currency, at)
);

CREATE TABLE fee_lines (
    organisation_id uuid NOT NULL,
    -- ``fee:<deployment>:<kind>``: charged once.
    fact text NOT NULL CHECK (fact <> ''),
    deployment_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT a_fee_is_of_a_kind CHECK (kind IN ('network', 'value')),
    live boolean NOT NULL,
    at timestamptz NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- NULL: no rate is known.
    amount_minor bigint CHECK (amount_minor >= 0),
    basis_points integer NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
    decimals integer NOT NULL CHECK (decimals BETWEEN 0 AND 36),
    -- Each transaction with its cost and the rate.
    costs jsonb NOT NULL,
    declared_minor bigint,
    declared_currency text,
    invoice_item text CHECK (invoice_item <> ''),
    billed_at timestamptz,
    CONSTRAINT fee_lines_pkey PRIMARY KEY (organisation_id, fact),
    CONSTRAINT a_fee_is_of_its_organisations_deployment
        FOREIGN KEY (organisation_id, deployment_id, live)
        REFERENCES operations (organisation_id, id, live),
    CONSTRAINT costs_are_a_list CHECK (jsonb_typeof(costs) = 'array'),
    CONSTRAINT a_share_is_of_something
        CHECK ((kind = 'value') = (declared_minor IS NOT NULL)
               AND (declared_minor IS NULL) = (declared_currency IS NULL)),
    CONSTRAINT what_is_billed_is_billed_at_a_time
        CHECK ((invoice_item IS NULL) = (billed_at IS NULL)),
    CONSTRAINT what_has_no_price_is_not_billed
        CHECK (invoice_item IS NULL OR amount_minor IS NOT NULL)
);

CREATE INDEX fee_lines_by_time ON fee_lines (organisation_id, at);
CREATE INDEX fee_lines_open ON fee_lines (organisation_id)
 WHERE invoice_item IS NULL AND (amount_minor IS NULL OR amount_minor > 0);

ALTER TABLE fee_lines ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belongs_to_the_scope ON fee_lines
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT, INSERT ON rates TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (amount_minor, costs, invoice_item, billed_at)
   ON fee_lines TO tallystick_app;
GRANT SELECT ON rates, fee_lines TO tallystick_readonly;
GRANT SELECT (organisation_id, invoice_item, amount_minor) ON fee_lines TO tallystick_narrow;

-- One more way past row-level security; see 0007.
--
--   open_fees   who has a fee that waits for a rate, or for an invoice
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.open_fees(after_organisation uuid, at_most integer)
RETURNS TABLE (organisation_id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT line.organisation_id
      FROM public.fee_lines AS line
     WHERE line.invoice_item IS NULL
       AND (line.amount_minor IS NULL OR line.amount_minor > 0)
       AND line.organisation_id > after_organisation
     ORDER BY line.organisation_id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.open_fees(uuid, integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.open_fees(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.open_fees(uuid, integer) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
