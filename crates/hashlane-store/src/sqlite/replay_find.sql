-- replay: what a replay depends on, and the whole record so far.
select
  queue, level, state,
  delivery, delivery_attempts, delivery_said, delivery_ms, delivery_status, delivery_took_ms, delivery_log
from job where bucket = ?1 and id = ?2
