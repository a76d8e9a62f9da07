-- replay: the callback is due again. What is recorded of it stands in the live row until it is settled again.
update job set delivery = 'due' where bucket = ?1 and id = ?2 and delivery in ('delivered', 'failed')
