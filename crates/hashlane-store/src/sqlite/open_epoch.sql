-- open: a new epoch of lease secrets.
update store set epoch = epoch + 1 returning epoch
