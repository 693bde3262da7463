-- Who pays, what was paid, and what became of it; facts, not flags.

-- What every row of billing is written under.  A customer of the provider's is one
-- organisation's for good: this table decides, not what the provider's metadata says.
CREATE TABLE payers (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    customer text CHECK (customer <> ''),
    bound_at timestamptz,
    CONSTRAINT payers_pkey PRIMARY KEY (organisation_id),
    CONSTRAINT a_customer_is_one_organisations UNIQUE (customer),
    CONSTRAINT a_customer_was_bound CHECK ((customer IS NULL) = (bound_at IS NULL))
);

-- The provider's news, each recorded in the transaction of its effect.
CREATE TABLE payment_events (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id text NOT NULL CHECK (id <> ''),
    kind text NOT NULL,
    about text,
    subject text,
    live boolean NOT NULL,
    created_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT payment_events_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_subject_is_of_a_kind CHECK ((about IS NULL) = (subject IS NULL))
);

CREATE INDEX payment_events_id ON payment_events (id);

-- `version` is drawn before the provider is asked, so that an answer which was overtaken by a
-- later one is seen to be old.
CREATE SEQUENCE payment_versions;

CREATE TABLE purchases (
    organisation_id uuid NOT NULL REFERENCES payers (organisation_id),
    payment text NOT NULL CHECK (payment <> ''),
    pack text NOT NULL,
    credits bigint NOT NULL CHECK (credits > 0),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    paid_at timestamptz NOT NULL,
    refunded_minor bigint NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT purchases_pkey PRIMARY KEY (organisation_id, payment),
    CONSTRAINT no_more_is_refunded_than_was_paid
        CHECK (refunded_minor BETWEEN 0 AND amount_minor)
);

CREATE TABLE subscriptions (
    organisation_id uuid NOT NULL REFERENCES payers (organisation_id),
    id text NOT NULL CHECK (id <> ''),
    tariff text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    first_failure_at timestamptz,
    cancelled_at timestamptz,
    ends_at timestamptz,
    trial_ends_at timestamptz,
    left_at timestamptz,
    version bigint NOT NULL,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT only_what_has_ended_is_left CHECK (left_at IS NULL OR ends_at IS NOT NULL)
);

CREATE INDEX subscriptions_over ON subscriptions (ends_at)
 WHERE ends_at IS NOT NULL AND left_at IS NULL;

CREATE TABLE paid_periods (
    organisation_id uuid NOT NULL,
    subscription text NOT NULL,
    price text NOT NULL,
    tariff text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    payment text,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency text NOT NULL,
    paid_at timestamptz NOT NULL,
    refunded_minor bigint NOT NULL CHECK (refunded_minor >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    CONSTRAINT paid_periods_pkey PRIMARY KEY (organisation_id, subscription, price, starts_at),
    CONSTRAINT a_period_is_of_a_subscription
        FOREIGN KEY (organisation_id, subscription)
        REFERENCES subscriptions (organisation_id, id)
);

CREATE TABLE disputes (
    organisation_id uuid NOT NULL REFERENCES payers (organisation_id),
    id text NOT NULL CHECK (id <> ''),
    payment text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    is_won boolean,
    CONSTRAINT disputes_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_closed_dispute_has_an_outcome CHECK ((closed_at IS NULL) = (is_won IS NULL))
);

CREATE TABLE checkouts (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    item text NOT NULL,
    session text NOT NULL,
    url text NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT checkouts_pkey PRIMARY KEY (organisation_id, id)
);

-- The installation's.
CREATE TABLE reconciliations (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    at timestamptz NOT NULL,
    through timestamptz NOT NULL,
    repaired bigint NOT NULL,
    alarms bigint NOT NULL,
    CONSTRAINT reconciliations_pkey PRIMARY KEY (organisation_id, at)
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY[
        'payers', 'payment_events', 'purchases', 'subscriptions', 'paid_periods', 'disputes',
        'checkouts', 'reconciliations'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE (customer, bound_at) ON payers TO tallystick_app;
GRANT SELECT, INSERT ON payment_events, checkouts, reconciliations TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (refunded_minor, version) ON purchases TO tallystick_app;
GRANT SELECT, INSERT,
      UPDATE (tariff, period_start, period_end, first_failure_at, cancelled_at, ends_at,
              trial_ends_at, left_at, version)
   ON subscriptions TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (refunded_minor, credits) ON paid_periods TO tallystick_app;
GRANT SELECT, INSERT, UPDATE (closed_at, is_won) ON disputes TO tallystick_app;
GRANT USAGE ON SEQUENCE payment_versions TO tallystick_app;
GRANT SELECT
   ON payers, payment_events, purchases, subscriptions, paid_periods, disputes, reconciliations
   TO tallystick_readonly;
GRANT SELECT ON payers, payment_events, subscriptions, lots TO tallystick_narrow;

-- Four more ways past row-level security; see 0007.
--
--   find_payer            whose customer it is
--   is_payment_event      whether it was recorded, for whomever
--   ended_subscriptions   whose subscription is over and not left
--   paid_lots             which lots money paid for, page by page
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.find_payer(of_customer text) RETURNS uuid
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT organisation_id FROM public.payers WHERE customer = of_customer
$$;

CREATE FUNCTION narrow.is_payment_event(event text) RETURNS boolean
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM public.payment_events WHERE id = event)
$$;

CREATE FUNCTION narrow.ended_subscriptions(now timestamptz, at_most integer)
RETURNS TABLE (organisation_id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT over.organisation_id
      FROM public.subscriptions AS over
     WHERE over.ends_at <= now
       AND over.left_at IS NULL
     GROUP BY over.organisation_id
     ORDER BY min(over.ends_at), over.organisation_id
     LIMIT at_most
$$;

CREATE FUNCTION narrow.paid_lots(
    since timestamptz, after_organisation uuid, after_fact text, at_most integer
) RETURNS TABLE (organisation_id uuid, fact text)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT lot.organisation_id, lot.fact
      FROM public.lots AS lot
     WHERE lot.effective_at >= since
       AND (lot.fact LIKE 'pack:%' OR lot.fact LIKE 'plan:%')
       AND lot.fact NOT LIKE 'plan:free:%'
       AND (lot.organisation_id, lot.fact COLLATE "C") > (after_organisation, after_fact)
     ORDER BY lot.organisation_id, lot.fact COLLATE "C"
     LIMIT at_most
$$;

ALTER FUNCTION narrow.find_payer(text) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.is_payment_event(text) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.ended_subscriptions(timestamptz, integer) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.paid_lots(timestamptz, uuid, text, integer) OWNER TO tallystick_narrow;

REVOKE ALL ON FUNCTION narrow.find_payer(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.is_payment_event(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.ended_subscriptions(timestamptz, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.paid_lots(timestamptz, uuid, text, integer) FROM PUBLIC;
GRANT EXECUTE
   ON FUNCTION narrow.find_payer(text),
               narrow.is_payment_event(text),
               narrow.ended_subscriptions(timestamptz, integer),
               narrow.paid_lots(timestamptz, uuid, text, integer)
   TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
