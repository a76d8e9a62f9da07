-- put_queue, open_service, close_service: a queue as it is from now on.
insert into queue (
  number, id, bucket, created_ms, open, name, paused, waiting_max, running_max,
  notify_on, notify_task_finish, notify_workflow_finish, notify_format, notify_address, updated_ms
) values (
  ?1,  -- number
  ?2,  -- id
  ?3,  -- bucket
  ?4,  -- created_ms
  ?5,  -- open
  ?6,  -- name
  ?7,  -- paused
  ?8,  -- waiting_max
  ?9,  -- running_max
  ?10, -- notify_on
  ?11, -- notify_task_finish
  ?12, -- notify_workflow_finish
  ?13, -- notify_format
  ?14, -- notify_address
  ?15  -- updated_ms
) on conflict (number) do update set
  open = excluded.open,
  name = excluded.name,
  paused = excluded.paused,
  waiting_max = excluded.waiting_max,
  running_max = excluded.running_max,
  notify_on = excluded.notify_on,
  notify_task_finish = excluded.notify_task_finish,
  notify_workflow_finish = excluded.notify_workflow_finish,
  notify_format = excluded.notify_format,
  notify_address = excluded.notify_address,
  updated_ms = excluded.updated_ms
