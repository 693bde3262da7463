-- What is done with a token after it was issued, and issuers who send transactions themselves.

ALTER TYPE operation_kind ADD VALUE 'mint' AFTER 'install_factory';
ALTER TYPE operation_kind ADD VALUE 'burn' AFTER 'mint';
ALTER TYPE operation_kind ADD VALUE 'pause' AFTER 'burn';
ALTER TYPE operation_kind ADD VALUE 'unpause' AFTER 'pause';

-- The deployment whose token an operation is about, and what is asked of it.
ALTER TABLE deployments ADD COLUMN of_id uuid;
ALTER TABLE deployments ADD COLUMN order_action text;
ALTER TABLE deployments ADD COLUMN order_parameters jsonb;

-- No row had an order before: there is nothing to validate.
ALTER TABLE deployments ADD CONSTRAINT an_order_is_about_a_token CHECK (
    num_nonnulls(of_id, order_action, order_parameters) IN (0, 3)
) NOT VALID;
ALTER TABLE deployments ADD CONSTRAINT an_order_is_about_its_organisations_token
    FOREIGN KEY (organisation_id, of_id) REFERENCES deployments (organisation_id, id) NOT VALID;

-- False: an issuing account that sends its own transactions and pays for nobody else's.
ALTER TABLE signers ADD COLUMN is_treasury boolean NOT NULL DEFAULT true;
