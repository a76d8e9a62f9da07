-- submit: the job as the client asked for it. Changes no row when the id exists.
insert into job (
  bucket, id, queue, key, algorithm, algorithm_as_given, add_to_header, level, user_data, callback, callback_format,
  submitter, fresh
) values (
  ?1,  -- bucket
  ?2,  -- id
  ?3,  -- queue
  ?4,  -- key
  ?5,  -- algorithm
  ?6,  -- algorithm_as_given
  ?7,  -- add_to_header
  ?8,  -- level
  ?9,  -- user_data
  ?10, -- callback
  ?11, -- callback_format
  ?12, -- submitter
  ?13  -- fresh
) on conflict do nothing
