-- Schema 2. How far the hashing of a large object is, so that the next holder of the lease goes on from there. What it means
-- is the engine's; null for nearly every row.
alter table live add column checkpoint blob check (checkpoint is null or stage = 'hash');
