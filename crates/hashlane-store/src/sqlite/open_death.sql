-- open: a death that counts: the process held this job alone, as a suspect that had shown no progress.
update live set deaths = deaths + 1
where id = ?1 and trials is not null and deaths < ?2
returning deaths
