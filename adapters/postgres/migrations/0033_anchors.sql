-- Checkpoints on chain: an operation of the installation's for each log, size and network.

ALTER TYPE operation_kind ADD VALUE 'anchor' AFTER 'unpause';

-- Which anchors cover so many leaves of a log.  There is none yet: it is built over nothing, in
-- one look at the table.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX anchors_by_size
    ON deployments ((token_parameters ->> 'origin'), ((token_parameters ->> 'size')::bigint))
 WHERE token_kind = 'checkpoint_anchor';
