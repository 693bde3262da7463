-- An account may be given an address at another custodian, beside its own; and an organisation says
-- which one it issues with.

-- Widens a check: what is there is good already, so nobody waits for it to be looked at.
-- squawk-ignore ban-drop-constraint
ALTER TABLE key_changes DROP CONSTRAINT key_changes_action_check;
ALTER TABLE key_changes
    ADD CONSTRAINT key_changes_action_check
        CHECK (action IN ('rotate', 'move', 'add', 'rekey', 'disable')) NOT VALID;

CREATE TABLE custodian_choices (
    organisation_id uuid PRIMARY KEY REFERENCES organisations (id),
    custodian text
);

ALTER TABLE custodian_choices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belongs_to_the_scope ON custodian_choices
    USING (organisation_id
           = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid))
    WITH CHECK (organisation_id
           = (SELECT nullif(current_setting('app.organisation_id', true), '')::uuid));
GRANT SELECT, INSERT ON custodian_choices TO tallystick_app;
GRANT UPDATE (custodian) ON custodian_choices TO tallystick_app;
GRANT SELECT ON custodian_choices TO tallystick_readonly;
