-- What the state machine promises about an operation together with its steps, slots and attempts.
-- Looked at when the transaction commits, with the rights of the narrow role: the installation
-- may change a slot of an operation that it cannot see.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.operation_keeps_its_promises() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    operation public.operations;
    broken text;
BEGIN
    IF TG_TABLE_NAME = 'operations' THEN
        SELECT * INTO operation
          FROM public.operations
         WHERE organisation_id = NEW.organisation_id AND id = NEW.id;
    ELSE
        SELECT * INTO operation
          FROM public.operations
         WHERE organisation_id = NEW.organisation_id AND id = NEW.operation_id;
    END IF;

    IF operation.state IN ('Submitted', 'Pending', 'Confirmed', 'Indexed', 'Completed')
       AND NOT EXISTS (SELECT FROM public.attempts
                        WHERE organisation_id = operation.organisation_id
                          AND operation_id = operation.id
                          AND role = 'effect')
    THEN
        broken := 'what_is_submitted_has_an_attempt';
    ELSIF operation.state IN ('Confirmed', 'Indexed', 'Completed')
       AND EXISTS (SELECT FROM public.steps
                    WHERE organisation_id = operation.organisation_id
                      AND operation_id = operation.id
                      AND NOT is_final)
    THEN
        broken := 'what_is_confirmed_has_only_final_steps';
    ELSIF operation.state = 'Cancelled'
       AND EXISTS (SELECT FROM public.slots
                    WHERE organisation_id = operation.organisation_id
                      AND operation_id = operation.id
                      AND state IN ('open', 'used'))
    THEN
        broken := 'cancelled_has_no_slot_in_which_it_could_land';
    ELSIF operation.state = 'Failed' AND operation.failure_without_effect
       AND EXISTS (SELECT FROM public.slots
                    WHERE organisation_id = operation.organisation_id
                      AND operation_id = operation.id
                      AND state IN ('open', 'used'))
    THEN
        broken := 'failed_without_effect_has_no_open_slot';
    END IF;

    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'operation % is % and breaks "%"', operation.id, operation.state, broken
              USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'operations';
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION narrow.operation_keeps_its_promises() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.operation_keeps_its_promises() FROM PUBLIC;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;

CREATE CONSTRAINT TRIGGER a_new_operation_keeps_its_promises
    AFTER INSERT ON operations
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> 'Queued')
    EXECUTE FUNCTION narrow.operation_keeps_its_promises();

CREATE CONSTRAINT TRIGGER an_operation_keeps_its_promises
    AFTER UPDATE ON operations
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> OLD.state)
    EXECUTE FUNCTION narrow.operation_keeps_its_promises();

CREATE CONSTRAINT TRIGGER a_slot_keeps_its_operations_promises
    AFTER INSERT OR UPDATE ON slots
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state IN ('open', 'used'))
    EXECUTE FUNCTION narrow.operation_keeps_its_promises();

-- What is over stays over, whatever the application is made to write.  AFTER, so that a broken
-- CHECK is told by its own name.
CREATE FUNCTION public.what_is_over_stays_over() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% breaks "%"', TG_TABLE_NAME, TG_NAME
          USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END
$$;

CREATE TRIGGER a_closed_hold_stays_closed
    AFTER UPDATE ON holds
    FOR EACH ROW WHEN (OLD.state <> 'held' AND (NEW.state, NEW.captured) <> (OLD.state, OLD.captured))
    EXECUTE FUNCTION public.what_is_over_stays_over();

CREATE TRIGGER completed_and_cancelled_are_final
    AFTER UPDATE ON operations
    FOR EACH ROW WHEN (OLD.state IN ('Completed', 'Cancelled') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION public.what_is_over_stays_over();
