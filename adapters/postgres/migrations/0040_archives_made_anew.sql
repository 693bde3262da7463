-- An event may come for a month that is archived already, from a machine whose clock is behind.
-- The month is archived anew then, with all that it has: the old manifest's digest stays in the
-- trail, and its files in the folder.
GRANT UPDATE (manifest, events, lines, event_id, archived_at) ON archives TO tallystick_app;
