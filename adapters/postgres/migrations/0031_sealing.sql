-- The trail in a tree.  A log is one RFC 6962 tree over the events of all organisations; what is
-- sealed into it stays at its position for ever.  The sealer's role writes these tables and sees
-- no event: `narrow.unsealed_events` tells it ids and hashes.  Everybody else reads.
CREATE TABLE audit_logs (
    number integer PRIMARY KEY CHECK (number > 0),
    -- Names the log in every checkpoint: a URL without its scheme.
    origin text NOT NULL UNIQUE,
    key_ref text NOT NULL,
    -- Ed25519.
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    -- System identifier of the cluster whose transaction ids its events have.  NULL: events came
    -- from another one, and are not all sealed yet.
    cluster text,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_because text,
    CONSTRAINT what_is_closed_has_a_reason
        CHECK ((closed_at IS NULL) = (closed_because IS NULL))
);

CREATE UNIQUE INDEX one_log_is_open ON audit_logs ((true)) WHERE closed_at IS NULL;

-- No reference to the log: the row is looked up for none of thousands of leaves.
CREATE TABLE audit_leaves (
    organisation_id uuid NOT NULL,
    log integer NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    position bigint NOT NULL CHECK (position >= 0),
    event_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (organisation_id, log, sequence),
    CONSTRAINT a_position_has_one_leaf UNIQUE (log, position)
);

-- C2SP tlog-tiles: number `index` of level n has the hashes of up to 256 complete nodes over
-- 256^n leaves each.
CREATE TABLE audit_tiles (
    log integer NOT NULL REFERENCES audit_logs (number),
    level integer NOT NULL CHECK (level BETWEEN 0 AND 7),
    index bigint NOT NULL CHECK (index >= 0),
    hashes bytea NOT NULL
        CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (log, level, index)
);
-- Hashes cannot be compressed.
ALTER TABLE audit_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TRIGGER a_tile_only_grows
    AFTER UPDATE ON audit_tiles
    FOR EACH ROW WHEN (substr(NEW.hashes, 1, octet_length(OLD.hashes))
                       IS DISTINCT FROM OLD.hashes)
    EXECUTE FUNCTION public.what_is_over_stays_over();

CREATE TABLE audit_checkpoints (
    log integer NOT NULL REFERENCES audit_logs (number),
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    -- C2SP signed-note.
    note text NOT NULL,
    signed_at timestamptz NOT NULL,
    PRIMARY KEY (log, size)
);

-- Logs, tiles and checkpoints belong to no organisation: hashes, and what is made of them.
ALTER TABLE audit_leaves ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON audit_leaves FOR SELECT
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

CREATE POLICY written_by_the_sealer ON audit_leaves TO tallystick_sealer
USING (true) WITH CHECK (true);

GRANT SELECT ON audit_logs, audit_leaves, audit_tiles, audit_checkpoints
   TO tallystick_app, tallystick_auditor, tallystick_readonly;

GRANT SELECT ON installation, migrations TO tallystick_sealer;
GRANT SELECT, INSERT, UPDATE (cluster, closed_at, closed_because)
   ON audit_logs TO tallystick_sealer;
GRANT SELECT, INSERT ON audit_leaves, audit_checkpoints TO tallystick_sealer;
GRANT SELECT, INSERT, UPDATE (hashes) ON audit_tiles TO tallystick_sealer;

-- Two more ways past row-level security; see 0007.
--
--   unsealed_events  ids and leaf hashes of what can be sealed now, in the order of the log
--   seal_backlog     how many events wait for it, and since when
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;
GRANT SELECT ON audit_heads, audit_events, audit_leaves TO tallystick_narrow;

-- An event settles when it and all before it in its organisation are below the horizon: nothing
-- that would come before it can appear any more.  Its place is by the transaction with which it
-- settles, which is its own or a later one that numbered an event before it.
--
-- `trouble` comes first, and is why nothing may be sealed:
--   missing  the organisation's head counts events that are not there
--   foreign  no transaction of this cluster can have written it: it was restored from another
--
-- takes_restored: such events are taken, before all others.
CREATE FUNCTION narrow.unsealed_events(of_log integer, takes_restored boolean)
RETURNS TABLE (trouble text, organisation_id uuid, sequence bigint, event_id uuid, hash bytea)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH behind AS MATERIALIZED (
        SELECT head.organisation_id, head.sequence AS last, sealed.through
          FROM public.audit_heads AS head
         CROSS JOIN LATERAL (
               SELECT coalesce(max(leaf.sequence), 0) AS through
                 FROM public.audit_leaves AS leaf
                WHERE leaf.organisation_id = head.organisation_id
                  AND leaf.log = of_log) AS sealed
         WHERE head.sequence > sealed.through
    ), waiting AS (
        SELECT behind.organisation_id, behind.last, event.sequence, event.id,
               event.xid >= pg_snapshot_xmax(pg_current_snapshot()) AS is_foreign,
               CASE WHEN takes_restored
                     AND event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN xid8 '0'
                    ELSE event.xid
               END AS xid,
               -- What cannot have settled is not worth hashing.
               CASE WHEN event.xid < pg_snapshot_xmin(pg_current_snapshot())
                      OR event.xid >= pg_snapshot_xmax(pg_current_snapshot())
                    THEN sha256(bytea '\x00' || convert_to('tallystick.audit.v1', 'UTF8')
                                || bytea '\x00' || event.salt || event.body)
               END AS hash
          FROM behind
          LEFT JOIN public.audit_events AS event
            ON event.organisation_id = behind.organisation_id
           AND event.sequence > behind.through
    ), settling AS (
        SELECT waiting.*,
               max(waiting.xid) OVER (PARTITION BY waiting.organisation_id
                                          ORDER BY waiting.sequence) AS settles,
               max(waiting.sequence) OVER (PARTITION BY waiting.organisation_id) AS found
          FROM waiting
    ), told AS (
        SELECT settling.*,
               CASE WHEN settling.found IS DISTINCT FROM settling.last THEN 'missing'
                    WHEN settling.is_foreign AND NOT takes_restored THEN 'foreign'
               END AS trouble
          FROM settling
    )
    SELECT told.trouble, told.organisation_id, told.sequence, told.id, told.hash
      FROM told
     WHERE told.settles < pg_snapshot_xmin(pg_current_snapshot())
        OR told.trouble IS NOT NULL
     ORDER BY told.trouble IS NULL, told.settles, told.organisation_id, told.sequence
$$;

CREATE FUNCTION narrow.seal_backlog(of_log integer)
RETURNS TABLE (events bigint, since timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH behind AS MATERIALIZED (
        SELECT head.organisation_id, head.sequence - sealed.through AS events, sealed.through
          FROM public.audit_heads AS head
         CROSS JOIN LATERAL (
               SELECT coalesce(max(leaf.sequence), 0) AS through
                 FROM public.audit_leaves AS leaf
                WHERE leaf.organisation_id = head.organisation_id
                  AND leaf.log = of_log) AS sealed
         WHERE head.sequence > sealed.through
    )
    SELECT coalesce(sum(behind.events), 0)::bigint, min(event.at)
      FROM behind
      LEFT JOIN public.audit_events AS event
        ON event.organisation_id = behind.organisation_id
       AND event.sequence = behind.through + 1
$$;

ALTER FUNCTION narrow.unsealed_events(integer, boolean) OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.seal_backlog(integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.unsealed_events(integer, boolean), narrow.seal_backlog(integer)
    FROM PUBLIC;
GRANT USAGE ON SCHEMA narrow TO tallystick_sealer;
GRANT EXECUTE ON FUNCTION narrow.unsealed_events(integer, boolean) TO tallystick_sealer;
GRANT EXECUTE ON FUNCTION narrow.seal_backlog(integer)
   TO tallystick_sealer, tallystick_app, tallystick_readonly;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
