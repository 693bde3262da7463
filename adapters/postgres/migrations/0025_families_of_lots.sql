-- Whose credits a lot goes on with: a day of grace, or what was given again.  What is taken back is
-- looked for in the whole family.  Lots from before are alone: their ids did not say it.
ALTER TABLE lots ADD COLUMN root_id uuid;

GRANT INSERT (root_id) ON lots TO tallystick_app;
