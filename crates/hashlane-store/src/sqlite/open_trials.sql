-- open: suspects. First those that were alone when a process died. Then those that have no checkpoint, by how few trials they
-- had, so that each has its turn. Those that have one come last: they go on beside the trials of others as soon as they have
-- made the next; of them, who had a trial since without making one comes first.
select id, trials from live indexed by live_suspect
where trials is not null and secret is null
order by deaths desc, checkpoint is not null, iif(checkpoint is null, trials, -trials), id
