-- open: a new epoch of lease secrets. An orderly end will say so.
update store set epoch = epoch + 1, closed = 0 returning epoch
