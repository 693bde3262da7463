-- None: all networks; and never.  What a key may spend is a quota of it, without a window.
ALTER TABLE api_keys ADD COLUMN networks text[], ADD COLUMN last_used_at timestamptz;
GRANT UPDATE (last_used_at) ON api_keys TO tallystick_app;

-- Wider than before, so that every row that there is keeps to them.
-- squawk-ignore ban-drop-constraint
ALTER TABLE quotas DROP CONSTRAINT quotas_subject_kind_check;
-- squawk-ignore ban-drop-constraint
ALTER TABLE quotas DROP CONSTRAINT quotas_quota_window_check;
ALTER TABLE quotas
    ADD CONSTRAINT a_quota_is_for_somebody
        CHECK (subject_kind IN ('mem', 'team', 'key')) NOT VALID,
    ADD CONSTRAINT a_quota_has_a_window
        CHECK (quota_window IN ('day', 'month', 'period', 'ever')) NOT VALID;
