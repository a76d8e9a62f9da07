-- ping: a write that proves that writing works.
update store set pinged_ms = ?1
