-- What is not sealed is the end of each organisation's trail, and is looked up by its key: a planner
-- that does not know how little that is reads all events of all months for it, every few seconds.
ALTER FUNCTION narrow.unsealed_events(integer, boolean)
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off;
