-- What narrow.paid_lots (0013) reads, and no other column of lots.
GRANT SELECT (organisation_id, fact, effective_at) ON lots TO tallystick_narrow;
