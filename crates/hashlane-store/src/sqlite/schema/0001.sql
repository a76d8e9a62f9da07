-- Schema 1. Times end in _ms: milliseconds since 1970. Shown times follow the wall clock, due_ms the steady clock.
-- docs/store.md says who writes which column when. There are no foreign keys: only the writer thread writes, it
-- knows buckets and queues by heart, and a lookup per insert would prove the same thing again.

-- One row: what the store remembers of itself.
create table store (
  one integer primary key check (one = 1),
  epoch integer not null check (epoch >= 0), -- raised at each open; the upper half of every lease secret
  pinged_ms integer                          -- the last proof that writing works
) strict;

-- Buckets by number, so that a job row does not repeat the name.
create table bucket (
  number integer primary key,
  name text not null unique,
  service_created_ms integer -- null while the service is closed
) strict;

-- Queues by number. The queues of a closed service stay as long as jobs show their id, with open = 0.
create table queue (
  -- Never change.
  number integer primary key,
  id text not null unique,
  bucket integer not null,
  created_ms integer not null,
  -- Change with each put.
  open integer not null check (open in (0, 1)),
  name text not null,
  paused integer not null check (paused in (0, 1)),
  waiting_max integer not null check (waiting_max >= 0),
  running_max integer not null check (running_max >= 0),
  notify_on integer not null check (notify_on in (0, 1)),
  notify_task_finish integer not null check (notify_task_finish in (0, 1)),
  notify_workflow_finish integer not null check (notify_workflow_finish in (0, 1)),
  notify_format text not null check (notify_format in ('xml', 'json')),
  notify_address text,
  updated_ms integer not null,
  check (open = 1 or paused = 0) -- what runs in a closed queue must be able to finish
) strict;

-- One row per job, finished or not, in order of bucket and creation: that order is what get and list read.
create table job (
  -- Never change: what the client asked.
  bucket integer not null,
  id blob not null check (length(id) = 16),
  queue integer not null,
  key text not null,
  algorithm text not null,
  algorithm_as_given text not null,
  add_to_header integer not null check (add_to_header in (0, 1)),
  level integer not null check (level between 0 and 2),
  user_data text,
  callback text,
  callback_format text check (callback_format in ('xml', 'json')),
  -- Written once, when the job ends. Until then its state is in the live row.
  state text not null default 'open' check (state in ('open', 'succeeded', 'failed', 'cancelled')),
  progress integer not null default 0 check (progress between 0 and 100),
  started_ms integer,
  ended_ms integer,
  size_bytes integer check (size_bytes >= 0),
  etag text,
  modified_ms integer,
  digest blob,
  checksum integer, -- CRC-32 of id, key, algorithm and result: a flipped bit is found before it is told
  error_code text,
  error_message text,
  target text, -- where the callback goes, frozen
  target_format text,
  -- Written when the job ends ('due') and when its callback is settled.
  delivery text check (delivery in ('due', 'delivered', 'failed')),
  delivery_attempts integer not null default 0 check (delivery_attempts >= 0),
  delivery_said text,
  delivery_ms integer,
  primary key (bucket, id),
  check ((state = 'open') = (ended_ms is null)),
  check ((state = 'succeeded') = (digest is not null)),
  check ((digest is null) = (size_bytes is null)),
  check ((digest is null) = (etag is null)),
  check ((digest is null) = (modified_ms is null)),
  check ((digest is null) = (checksum is null)),
  check ((state = 'failed') = (error_code is not null)),
  check ((error_code is null) = (error_message is null)),
  check ((state = 'succeeded') = (progress = 100)),
  check (started_ms is not null or state not in ('succeeded', 'failed')),
  check (started_ms is null or state <> 'open'),
  check (ended_ms >= started_ms),
  check ((target is null) = (delivery is null)),
  check ((target is null) = (target_format is null)),
  check (delivery is null or state in ('succeeded', 'failed')),
  check ((delivery_said is null) = (delivery_ms is null))
) strict, without rowid;

-- Ended jobs of a queue by state, in order of creation: lists with a filter, and prune.
create index job_ended on job (queue, state, id) where ended_ms is not null;

-- Live rows only: what waits, is delayed, is leased, or has a callback to deliver.
--   ready:   due_ms null, secret null      may be taken now (hash only)
--   delayed: due_ms set,  secret null      may be taken from due_ms on; every waiting deliver row is of this kind
--   leased:  due_ms set,  secret set       may be taken from due_ms on, because the lease lapses then
create table live (
  id blob primary key check (length(id) = 16),
  bucket integer not null,
  queue integer not null,
  level integer not null check (level between 0 and 2),
  stage text not null check (stage in ('hash', 'deliver')),
  due_ms integer,
  secret integer,
  attempts integer not null default 0 check (attempts >= 0), -- attempts at this stage that ended and count
  started_ms integer,                                        -- first claim, until the job ends
  progress integer not null default 0 check (progress between 0 and 99),
  last_code text,   -- why the last attempt at hashing ended
  last_said text,   -- its message, or what the receiver of the callback said
  last_ms integer,  -- when the last attempt at delivery ended
  check (stage = 'hash' or due_ms is not null),
  check (secret is null or due_ms is not null),
  check (secret is null or stage = 'deliver' or started_ms is not null),
  check (started_ms is null or stage = 'hash'),
  check (last_code is null or (stage = 'hash' and last_said is not null)),
  check (last_ms is null or (stage = 'deliver' and last_said is not null))
) strict, without rowid;

-- What claim reads: ready rows in the order in which they are taken.
create index live_ready on live (queue, level desc, id) where due_ms is null;

-- What becomes due: delays and leases in one order. queue and secret ride along so that a list reads only the index.
create index live_due on live (stage, due_ms, queue, secret) where due_ms is not null;

-- How many ended jobs the store holds, by state.
create table total (
  state text primary key check (state in ('succeeded', 'failed', 'cancelled')),
  jobs integer not null check (jobs >= 0)
) strict, without rowid;

insert into store (one, epoch) values (1, 0);
insert into total (state, jobs) values ('succeeded', 0), ('failed', 0), ('cancelled', 0);
