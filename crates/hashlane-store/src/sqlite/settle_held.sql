-- settle: the live row, if the lease is still held. No row means that it was lost.
select bucket, queue, stage, started_ms, progress, attempts, last_ms is not null or log is not null,
  trials is not null
from live where id = ?1 and secret = ?2
