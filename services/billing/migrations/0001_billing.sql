-- The billing service's rows: plans, and who is on which.

CREATE TABLE plans (
    plan_id                     text PRIMARY KEY CHECK (plan_id ~ '^[a-z][a-z0-9-]{0,31}$'),
    name                        text NOT NULL,
    place                       integer NOT NULL,           -- where lists show it
    is_default                  boolean NOT NULL DEFAULT false,
    live_jobs                   integer NOT NULL CHECK (live_jobs >= 0),
    running_transfers           integer NOT NULL CHECK (running_transfers >= 0),
    storage_bytes               bigint NOT NULL CHECK (storage_bytes >= 0),
    bandwidth_bytes_per_month   bigint NOT NULL CHECK (bandwidth_bytes_per_month >= 0),
    retention_days              integer NOT NULL CHECK (retention_days >= 0),   -- 0: for ever
    priority                    integer NOT NULL,           -- higher goes first
    streams                     integer NOT NULL CHECK (streams >= 0),
    created_at                  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX plans_one_default ON plans (is_default) WHERE is_default;

-- Who has no row is on the default plan.
CREATE TABLE user_plans (
    user_id                     uuid PRIMARY KEY,
    plan_id                     text NOT NULL REFERENCES plans,
    since                       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- `free` is what everybody on a self-hosted tseeder gets, so it is wide: it keeps one user from starving the others
-- (4 transfers at once) and a runaway script from filling the database (1,000 live jobs), and hardly more.
INSERT INTO plans
    (plan_id, name, place, is_default, live_jobs, running_transfers, storage_bytes,
     bandwidth_bytes_per_month, retention_days, priority, streams)
VALUES
    ('free', 'Free', 1, true,   1000,  4,  1099511627776,  109951162777600, 0,  0,  8),   -- 1 TiB, 100 TiB a month
    ('plus', 'Plus', 2, false, 10000, 16, 10995116277760, 1099511627776000, 0, 10, 32);   -- 10 TiB, 1,000 TiB a month
