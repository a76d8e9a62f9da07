-- commit: ended jobs by state, more or less than before.
update total set jobs = jobs + ?2 where state = ?1
