-- What was charged stays as it was charged, and what became of a gift stays so, whatever the
-- application is made to write; see 0008.
CREATE TRIGGER a_fee_that_has_a_price_keeps_it
    AFTER UPDATE ON fee_lines
    FOR EACH ROW WHEN (OLD.amount_minor IS NOT NULL
                       AND (NEW.amount_minor, NEW.costs)
                           IS DISTINCT FROM (OLD.amount_minor, OLD.costs))
    EXECUTE FUNCTION public.what_is_over_stays_over();

CREATE TRIGGER a_fee_that_was_charged_stays_charged
    AFTER UPDATE ON fee_lines
    FOR EACH ROW WHEN (OLD.invoice_item IS NOT NULL
                       AND (NEW.invoice_item, NEW.billed_at)
                           IS DISTINCT FROM (OLD.invoice_item, OLD.billed_at))
    EXECUTE FUNCTION public.what_is_over_stays_over();

CREATE TRIGGER a_gift_that_has_ended_stays_ended
    AFTER UPDATE ON gifts
    FOR EACH ROW WHEN (OLD.state <> 'under_way'
                       AND (NEW.state, NEW.closed_at) IS DISTINCT FROM (OLD.state, OLD.closed_at))
    EXECUTE FUNCTION public.what_is_over_stays_over();
