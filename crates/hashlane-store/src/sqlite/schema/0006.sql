-- Schema 6: results that stand for a reading of the same version of the same object, jobs that want none of them, and since when
-- a job fails to be hashed. No CHECK on the new columns of `job`: it would read every row of the store when they are added.

alter table job add column fresh integer not null default 0; -- 1: the object is read for this very job
-- Set when later jobs may be answered with this result: half of a SHA-256 over bucket, key, algorithm and version of the object
-- (recall.rs). Null of all others, and of every job while the cache is off.
alter table job add column version blob;

-- When the first attempt at hashing failed, on the steady clock; null when none has.
alter table live add column failing_ms integer check (failing_ms is null or stage = 'hash');

-- Results by what they are of. Where the cache is off it has no row.
create index job_version on job (version, id) where version is not null;
