-- How full the queues are, for whoever watches them: numbers over all organisations, by a role of
-- its own that can ask this and nothing else.
ALTER TABLE outbox ADD COLUMN written_at timestamptz NOT NULL DEFAULT now();

GRANT SELECT (organisation_id, endpoint_id, created_at) ON webhook_deliveries TO tallystick_narrow;
GRANT SELECT ON audit_logs, audit_checkpoints, signers, networks TO tallystick_narrow;
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

-- What is over is not counted: it is most of what there is, and never becomes less.
CREATE FUNCTION narrow.queue_figures(now timestamptz)
RETURNS TABLE (figure text, label text, count numeric, since timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'operations_open', states.name, count(operation.id)::numeric,
           min(operation.accepted_at)
      FROM (VALUES ('Queued'), ('Submitted'), ('Pending'), ('Confirmed'), ('Indexed'))
           AS states (name)
      LEFT JOIN public.operations AS operation
        ON operation.due_at IS NOT NULL
       AND operation.state::text = states.name
     GROUP BY states.name
     UNION ALL
    SELECT 'operations_due', '', count(*), min(operation.due_at)
      FROM public.operations AS operation
     WHERE operation.due_at <= now
       AND (operation.lease_until IS NULL OR operation.lease_until <= clock_timestamp())
     UNION ALL
    SELECT 'outbox', '', count(*), min(task.written_at)
      FROM public.outbox AS task
     UNION ALL
    SELECT 'webhooks_pending', '', count(*), min(delivery.created_at)
      FROM public.webhook_deliveries AS delivery
      JOIN public.webhook_endpoints AS endpoint
        ON endpoint.organisation_id = delivery.organisation_id
       AND endpoint.id = delivery.endpoint_id
     WHERE delivery.state = 'pending'
       AND endpoint.state = 'enabled'
     UNION ALL
    SELECT 'seal_backlog', '', backlog.events, backlog.since
      FROM public.audit_logs AS log
     CROSS JOIN LATERAL narrow.seal_backlog(log.number) AS backlog
     WHERE log.closed_at IS NULL
     UNION ALL
    SELECT 'checkpoint', '', newest.size, newest.signed_at
      FROM public.audit_logs AS log
     CROSS JOIN LATERAL (
           SELECT checkpoint.size, checkpoint.signed_at
             FROM public.audit_checkpoints AS checkpoint
            WHERE checkpoint.log = log.number
            ORDER BY checkpoint.size DESC
            LIMIT 1) AS newest
     WHERE log.closed_at IS NULL
     UNION ALL
    -- Of the installation, which has nothing but its treasuries' operations and anchors.
    SELECT 'anchor', operation.network, count(*), max(operation.accepted_at)
      FROM public.operations AS operation
     WHERE operation.organisation_id = '00000000-0000-0000-0000-000000000000'
       AND operation.kind = 'anchor'
       AND operation.state = 'Completed'
     GROUP BY operation.network
     UNION ALL
    SELECT 'treasury_balance', signer.network, sum(signer.balance), min(signer.balance_seen_at)
      FROM public.signers AS signer
     WHERE signer.is_treasury
       AND signer.balance IS NOT NULL
     GROUP BY signer.network
     UNION ALL
    SELECT 'halted', network.id,
           (network.halted IS NOT NULL)::integer + count(signer.address), NULL
      FROM public.networks AS network
      LEFT JOIN public.signers AS signer
        ON signer.network = network.id
       AND signer.halted IS NOT NULL
     GROUP BY network.id
$$;

ALTER FUNCTION narrow.queue_figures(timestamptz) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.queue_figures(timestamptz) FROM PUBLIC;
GRANT USAGE ON SCHEMA narrow TO tallystick_metrics;
GRANT EXECUTE ON FUNCTION narrow.queue_figures(timestamptz) TO tallystick_metrics;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
