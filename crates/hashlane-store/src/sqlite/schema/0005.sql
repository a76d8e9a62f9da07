-- Schema 5: whether a process ended cleanly, and what is known of jobs that one died with (docs/decisions/0006).

alter table store add column closed integer not null default 0 check (closed in (0, 1)); -- by an orderly end, until the next open

alter table live add column deaths integer not null default 0 check (deaths >= 0); -- processes that died while they worked on it alone
-- Not null: it is suspect, because a process died that held it; how often it has been run alone since. Null again when it
-- has shown progress.
alter table live add column trials integer check (trials is null or (stage = 'hash' and trials >= 0));

-- Suspects only: read when a store is opened.
create index live_suspect on live (id) where trials is not null;
