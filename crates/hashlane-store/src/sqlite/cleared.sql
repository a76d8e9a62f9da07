-- renew, settle: a job has shown progress or said how its attempt ended, and is suspect no more.
update live set trials = null where id = ?1 and trials is not null
