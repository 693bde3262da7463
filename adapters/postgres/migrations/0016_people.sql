-- Teams, quotas, gifts.  All of it changes under the lock of the organisation's wallet.  Nobody
-- may delete: a team is dissolved, a quota's limit is taken away, a gift is closed.

CREATE TABLE teams (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    members uuid[] NOT NULL,
    created_at timestamptz NOT NULL,
    dissolved_at timestamptz,
    CONSTRAINT teams_pkey PRIMARY KEY (organisation_id, id)
);

CREATE TABLE quotas (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    subject_kind text NOT NULL CHECK (subject_kind IN ('mem', 'team')),
    subject_id uuid NOT NULL,
    quota_window text NOT NULL CHECK (quota_window IN ('day', 'month', 'period')),
    -- NULL: there is none any more.
    most bigint CHECK (most >= 0),
    set_at timestamptz NOT NULL,
    CONSTRAINT one_quota_per_window PRIMARY KEY (organisation_id, subject_id, quota_window)
);

-- For whose account a hold goes, whoever joins or leaves afterwards.
CREATE TABLE hold_teams (
    organisation_id uuid NOT NULL,
    team_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    CONSTRAINT hold_teams_pkey PRIMARY KEY (organisation_id, team_id, hold_id),
    FOREIGN KEY (organisation_id, team_id) REFERENCES teams (organisation_id, id),
    FOREIGN KEY (organisation_id, hold_id) REFERENCES holds (organisation_id, id)
);

-- What a member's quota is summed from.  Built while holds wait: a migration is one transaction,
-- and holds are few before there are quotas.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX holds_by_member ON holds (organisation_id, member, held_at);

CREATE TABLE quota_shifts (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    id uuid NOT NULL,
    giver uuid NOT NULL,
    receiver uuid NOT NULL,
    quota_window text NOT NULL CHECK (quota_window IN ('day', 'month', 'period')),
    -- When the window began that it is for.
    since timestamptz NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    asked_by text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT quota_shifts_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT nobody_gives_to_themselves CHECK (giver <> receiver)
);

CREATE INDEX quota_shifts_window ON quota_shifts (organisation_id, quota_window, since);

-- A gift has a row with each of its two organisations, under the same id.
CREATE TABLE gifts (
    organisation_id uuid NOT NULL REFERENCES wallets (organisation_id),
    id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('sent', 'received')),
    -- No reference: whether there is such an organisation is found out later.
    other_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    message text,
    state text NOT NULL CHECK (state IN ('under_way', 'delivered', 'returned')),
    sent_by text NOT NULL,
    sent_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT gifts_pkey PRIMARY KEY (organisation_id, id),
    CONSTRAINT a_gift_is_for_others CHECK (other_id <> organisation_id),
    CONSTRAINT what_was_received_was_delivered
        CHECK (direction = 'sent' OR state = 'delivered'),
    CONSTRAINT a_closed_gift_says_when CHECK ((state = 'under_way') = (closed_at IS NULL))
);

CREATE INDEX gifts_under_way ON gifts (sent_at) WHERE state = 'under_way';
CREATE INDEX gifts_sent ON gifts (organisation_id, sent_at) WHERE direction = 'sent';

-- The giver's lots that it comes from, with what the receiver's inherit of them.
CREATE TABLE gift_lots (
    organisation_id uuid NOT NULL,
    gift_id uuid NOT NULL,
    position integer NOT NULL,
    lot_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    unit_cost_micros bigint,
    currency text,
    expires_at timestamptz,
    CONSTRAINT gift_lots_pkey PRIMARY KEY (organisation_id, gift_id, position),
    FOREIGN KEY (organisation_id, gift_id) REFERENCES gifts (organisation_id, id),
    FOREIGN KEY (organisation_id, lot_id) REFERENCES lots (organisation_id, id)
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY[
        'teams', 'quotas', 'hold_teams', 'quota_shifts', 'gifts', 'gift_lots'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format($policy$
            CREATE POLICY belongs_to_the_scope ON %I
            USING (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            WITH CHECK (organisation_id
                   = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
            $policy$, tenant);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO tallystick_app', tenant);
        EXECUTE format('GRANT SELECT ON %I TO tallystick_readonly', tenant);
    END LOOP;
END
$$;

GRANT UPDATE (name, members, dissolved_at) ON teams TO tallystick_app;
GRANT UPDATE (most, set_at) ON quotas TO tallystick_app;
GRANT UPDATE (state, closed_at) ON gifts TO tallystick_app;
GRANT SELECT ON gifts TO tallystick_narrow;

-- One more way past row-level security, see 0007: which gifts have not arrived.
GRANT CREATE ON SCHEMA narrow TO tallystick_narrow;

CREATE FUNCTION narrow.gifts_under_way(at_most integer)
RETURNS TABLE (organisation_id uuid, id uuid)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT gift.organisation_id, gift.id
      FROM public.gifts AS gift
     WHERE gift.state = 'under_way'
     ORDER BY gift.sent_at, gift.id
     LIMIT at_most
$$;

ALTER FUNCTION narrow.gifts_under_way(integer) OWNER TO tallystick_narrow;
REVOKE ALL ON FUNCTION narrow.gifts_under_way(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION narrow.gifts_under_way(integer) TO tallystick_app;
REVOKE CREATE ON SCHEMA narrow FROM tallystick_narrow;
