-- open: how many callbacks were given up.
select count(*) from job indexed by job_undelivered where delivery = 'failed'
