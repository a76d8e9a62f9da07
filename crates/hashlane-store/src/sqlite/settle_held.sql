-- settle: the live row, if the lease is still held. No row means that it was lost.
select bucket, queue, stage, started_ms, progress, attempts from live where id = ?1 and secret = ?2
