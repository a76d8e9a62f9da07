-- overdue: leases of a stage that lapsed before a time and were not taken up.
select count(*) from live indexed by live_due
where due_ms is not null
  and stage = ?1
  and due_ms <= ?2
  and secret is not null
