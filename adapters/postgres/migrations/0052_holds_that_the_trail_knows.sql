-- Whether a legal hold is in force is no row's word: the application's role may write that one was
-- lifted, and an administrator may delete or narrow one.  What the trail says of holds is remembered
-- beside it, written by a trigger and by nobody else, because months of the trail leave the database.
CREATE TABLE legal_hold_events (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    -- The event's.
    id uuid NOT NULL,
    hold_id uuid NOT NULL,
    action text NOT NULL CHECK (action IN ('legal_hold.placed', 'legal_hold.lifted')),
    at timestamptz NOT NULL,
    -- Of what is held, as it was placed.
    subject text,
    since timestamptz,
    until timestamptz,
    reason text NOT NULL,
    CONSTRAINT legal_hold_events_pkey PRIMARY KEY (organisation_id, id)
);

CREATE INDEX legal_hold_events_hold ON legal_hold_events (organisation_id, hold_id, action);

ALTER TABLE legal_hold_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY belongs_to_the_scope ON legal_hold_events
USING (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
WITH CHECK (organisation_id
       = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));

GRANT SELECT ON legal_hold_events TO tallystick_app, tallystick_readonly;
GRANT SELECT, INSERT ON legal_hold_events TO tallystick_narrow;

GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

-- A TypeID (`lgh_01h…`) has its id in Crockford's base32, 130 bits of which the first two are zero.
-- What cannot be read of a hold that was placed makes it hold everything.
CREATE FUNCTION narrow.remember_hold(
    organisation uuid, event uuid, at timestamptz, action text, named text, body bytea
) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bits text;
    held jsonb;
    subject text;
    since timestamptz;
    until timestamptz;
    reason text;
BEGIN
    IF named COLLATE "C" !~ '^lgh_[0-7][0-9a-hjkmnp-tv-z]{25}$' THEN
        RETURN;
    END IF;
    SELECT string_agg((strpos('0123456789abcdefghjkmnpqrstvwxyz', letter.letter) - 1)::bit(5)::text,
                      '' ORDER BY letter.place)
      INTO bits
      FROM regexp_split_to_table(substr(named, 5), '') WITH ORDINALITY AS letter (letter, place);
    BEGIN
        held := convert_from(body, 'UTF8')::jsonb -> 'details';
        since := (held ->> 'since')::timestamptz;
        until := (held ->> 'until')::timestamptz;
        subject := held ->> 'subject';
        reason := held ->> 'reason';
    EXCEPTION WHEN OTHERS THEN
        subject := NULL;
        since := NULL;
        until := NULL;
    END;
    INSERT INTO public.legal_hold_events
           (organisation_id, id, hold_id, action, at, subject, since, until, reason)
    VALUES (organisation, event,
            (lpad(to_hex(substr(bits, 3, 64)::bit(64)::bigint), 16, '0')
             || lpad(to_hex(substr(bits, 67, 64)::bit(64)::bigint), 16, '0'))::uuid,
            action, at, subject, since, until, coalesce(reason, ''))
        ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION narrow.a_hold_is_remembered() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM narrow.remember_hold(
        NEW.organisation_id, NEW.id, NEW.at, NEW.action, NEW.subject, NEW.body);
    RETURN NULL;
END
$$;

-- Each as its row has it and as it was placed: what was narrowed holds both.
CREATE FUNCTION narrow.legal_holds_in_force()
RETURNS TABLE (organisation_id uuid, id uuid, placed_at timestamptz, subject text,
               since timestamptz, until timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id, hold.placed_at, hold.subject, hold.since, hold.until
      FROM public.legal_holds AS hold
     WHERE hold.lifted_at IS NULL
        OR NOT EXISTS (
           SELECT
             FROM public.legal_hold_events AS lifted
            WHERE lifted.organisation_id = hold.organisation_id
              AND lifted.hold_id = hold.id
              AND lifted.action = 'legal_hold.lifted')
     UNION ALL
    SELECT placed.organisation_id, placed.hold_id, placed.at, placed.subject, placed.since,
           placed.until
      FROM public.legal_hold_events AS placed
     WHERE placed.action = 'legal_hold.placed'
       AND NOT EXISTS (
           SELECT
             FROM public.legal_hold_events AS lifted
            WHERE lifted.organisation_id = placed.organisation_id
              AND lifted.hold_id = placed.hold_id
              AND lifted.action = 'legal_hold.lifted')
$$;

CREATE OR REPLACE FUNCTION narrow.legal_holds_over(since timestamptz, until timestamptz)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id
      FROM narrow.legal_holds_in_force() AS hold
     WHERE (hold.since IS NULL OR hold.since < legal_holds_over.until)
       AND (hold.until IS NULL OR hold.until > legal_holds_over.since)
     GROUP BY hold.organisation_id, hold.id
     ORDER BY min(hold.placed_at), hold.organisation_id, hold.id
$$;

CREATE OR REPLACE FUNCTION narrow.legal_holds_on(organisations uuid[], subjects text[])
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hold.organisation_id, hold.id
      FROM narrow.legal_holds_in_force() AS hold
     WHERE hold.organisation_id = ANY (organisations)
       AND (hold.subject IS NULL OR hold.subject = ANY (subjects))
     GROUP BY hold.organisation_id, hold.id
     ORDER BY min(hold.placed_at), hold.organisation_id, hold.id
$$;

ALTER FUNCTION narrow.remember_hold(uuid, uuid, timestamptz, text, text, bytea)
      OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.a_hold_is_remembered() OWNER TO tallystick_narrow;
ALTER FUNCTION narrow.legal_holds_in_force() OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.remember_hold(uuid, uuid, timestamptz, text, text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.a_hold_is_remembered() FROM PUBLIC;
REVOKE ALL ON FUNCTION narrow.legal_holds_in_force() FROM PUBLIC;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;

CREATE TRIGGER a_hold_is_remembered
    AFTER INSERT ON audit_events
    FOR EACH ROW WHEN (NEW.action IN ('legal_hold.placed', 'legal_hold.lifted'))
    EXECUTE FUNCTION narrow.a_hold_is_remembered();

-- What the trail has said until now, of organisations that have a hold.  A hold that was lifted in
-- a month that has left the database is believed to be, as it was before.
SET LOCAL ROLE tallystick_narrow;

SELECT narrow.remember_hold(event.organisation_id, event.id, event.at, event.action, event.subject,
                            event.body)
  FROM public.audit_events AS event
 WHERE event.organisation_id IN (SELECT hold.organisation_id FROM public.legal_holds AS hold)
   AND event.action IN ('legal_hold.placed', 'legal_hold.lifted');

INSERT INTO public.legal_hold_events (organisation_id, id, hold_id, action, at, reason)
SELECT hold.organisation_id, hold.id, hold.id, 'legal_hold.lifted', hold.lifted_at, ''
  FROM public.legal_holds AS hold
 WHERE hold.lifted_at < narrow.trail_begins()
   AND NOT EXISTS (
       SELECT
         FROM public.legal_hold_events AS event
        WHERE event.organisation_id = hold.organisation_id
          AND event.hold_id = hold.id);

SET LOCAL ROLE tallystick_migrator;
