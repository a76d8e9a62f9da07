-- renew: the holder of the latest secret keeps the lease. Changes no row when it was lost.
update live set
  due_ms = ?3, -- when the lease lapses
  progress = max(progress, ?4),
  checkpoint = coalesce(?5, checkpoint)
where id = ?1 and secret = ?2
