-- A plan for the very values at hand is made anew each time, and here that takes longer than what is
-- asked: so all of these keep the first.  Rows are found by keys, also where that plan was made
-- while there was nothing.

-- Looked at when a transaction ends, with each change of an operation's state and of its slots.  Most
-- of what is asked is false by the state alone, which a plan made for that state knows.
ALTER FUNCTION narrow.operation_keeps_its_promises() SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION narrow.operation_keeps_its_promises() SET enable_seqscan = off;

ALTER FUNCTION narrow.claim_token_watches(timestamptz, integer, interval, timestamptz)
  SET plan_cache_mode = force_generic_plan;

ALTER FUNCTION narrow.prolong_claims(uuid[], uuid[], uuid[], interval)
  SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION narrow.prolong_claims(uuid[], uuid[], uuid[], interval) SET enable_hashjoin = off;
ALTER FUNCTION narrow.prolong_claims(uuid[], uuid[], uuid[], interval) SET enable_mergejoin = off;
ALTER FUNCTION narrow.prolong_claims(uuid[], uuid[], uuid[], interval) SET enable_seqscan = off;
