-- settle, cancel: nothing is left to do for this job.
delete from live where id = ?1
