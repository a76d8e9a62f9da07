-- close: an orderly end. What is still leased then was left by who could not give it back, and killed nobody.
update store set closed = 1
