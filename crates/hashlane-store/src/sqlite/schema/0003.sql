-- Schema 3. Only adds.

-- The access key that submitted a job: it must still be allowed to read the bucket when the job is worked on. Null for jobs from before.
alter table job add column submitter text;
