-- recall: the newest result of this version of an object. The index ends with the rest of the primary key.
select bucket, id from job indexed by job_version
where version is not null and version = ?1
order by id desc
limit 1
