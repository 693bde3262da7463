-- What each organisation may cost the treasury in a day, in base units of a network.  A reservation
-- is what one try of an operation may take; it counts on the day on which that was accepted.
CREATE TABLE native_budgets (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    network text NOT NULL REFERENCES networks (id),
    day date NOT NULL,
    reserved numeric(78) NOT NULL,
    spent numeric(78) NOT NULL,
    CONSTRAINT native_budgets_pkey PRIMARY KEY (organisation_id, network, day),
    CONSTRAINT a_budget_owes_nothing CHECK (reserved >= 0 AND spent >= 0)
) WITH (fillfactor = 50);

CREATE TABLE native_reservations (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    network text NOT NULL,
    day date NOT NULL,
    amount numeric(78) NOT NULL CHECK (amount >= 0),
    -- NULL until it is over.
    spent numeric(78) CHECK (spent >= 0),
    CONSTRAINT native_reservations_pkey PRIMARY KEY (organisation_id, operation_id, number),
    CONSTRAINT a_reservation_is_of_an_operation
        FOREIGN KEY (organisation_id, operation_id) REFERENCES operations (organisation_id, id),
    CONSTRAINT a_reservation_is_of_a_budget
        FOREIGN KEY (organisation_id, network, day)
        REFERENCES native_budgets (organisation_id, network, day)
);

-- Whoever tries twice to set something aside for one try is told so.
CREATE UNIQUE INDEX an_operation_has_one_reservation
    ON native_reservations (organisation_id, operation_id) WHERE spent IS NULL;

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['native_budgets', 'native_reservations'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO tallystick_app', tenant);
        EXECUTE format('GRANT SELECT ON %I TO tallystick_readonly', tenant);
    END LOOP;
END
$$;

GRANT UPDATE (reserved, spent) ON native_budgets TO tallystick_app;
GRANT UPDATE (spent) ON native_reservations TO tallystick_app;

-- Coin that a transaction carries beside what it costs: what an issuing account is given.  The
-- release before this one says nothing of it.
ALTER TABLE attempts ADD COLUMN value numeric(78) NOT NULL DEFAULT 0;
