-- When the provider ended a subscription: what is paid for is given until ends_at, and another one
-- may begin before that.  Null: it goes on, or nobody has looked since.
ALTER TABLE subscriptions ADD COLUMN ended_at timestamptz;
GRANT UPDATE (ended_at) ON subscriptions TO tallystick_app;
