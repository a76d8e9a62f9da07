-- Schema 4: the delivery record. A job's last attempt at its callback stands in columns, which is all that a callback
-- needs that was taken at once; what came before is a text of one line for each entry, and null where there is none.
-- No CHECK on the new columns: it would read every row of the store when they are added.

alter table job add column delivery_status integer;  -- the HTTP status of the last attempt
alter table job add column delivery_took_ms integer; -- how long it lasted
alter table job add column delivery_log text;        -- the entries before it: attempt_log.rs

-- The same while the callback is due.
alter table live add column last_status integer;
alter table live add column last_took_ms integer;
alter table live add column log text;

-- Callbacks that were given up: to be listed, counted and replayed without looking at any other job.
create index job_undelivered on job (id) where delivery = 'failed';
