-- The group roles, once per cluster; and what they may do in this database.  Run by a superuser:
-- only one may give BYPASSRLS away.  None of these logs in: the operator's log-in roles are made
-- members of one of them (`GRANT tallystick_app TO …`).
--
--   tallystick_migrator   owns the tables; is subject to row-level security like everybody else
--   tallystick_narrow     owns the few functions that see all organisations; nobody is this role
--   tallystick_app        API and worker: reads and writes its scope, cannot change history
--   tallystick_sealer     seals audit events: adds leaves, tiles and checkpoints, reads no event
--   tallystick_metrics    asks how full the queues are, over all organisations, and nothing else
--   tallystick_auditor    reads journal and audit events of the organisation it names
--   tallystick_readonly   reads what is not secret of the organisation it names

-- Roles belong to the cluster, advisory locks to a database: two databases that are migrated at
-- once meet here.
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;

DO $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        SELECT name
          FROM unnest(ARRAY['tallystick_migrator', 'tallystick_narrow', 'tallystick_app',
                            'tallystick_sealer', 'tallystick_metrics', 'tallystick_auditor',
                            'tallystick_readonly'])
               AS wanted (name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name)
    LOOP
        EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
    END LOOP;
    IF NOT (SELECT rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = 'tallystick_narrow') THEN
        ALTER ROLE tallystick_narrow BYPASSRLS;
    END IF;
    -- Whoever hands a function to the narrow role must be a member of it.  BYPASSRLS itself is
    -- not inherited.
    IF NOT pg_has_role('tallystick_migrator', 'tallystick_narrow', 'MEMBER') THEN
        GRANT tallystick_narrow TO tallystick_migrator;
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO tallystick_migrator', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tallystick_migrator;
GRANT USAGE ON SCHEMA public TO tallystick_narrow, tallystick_app, tallystick_sealer,
    tallystick_auditor, tallystick_readonly;
