"""`pyeonji doctor`: is this host set up as its mail needs it?

`gather` asks: DNS, the own doors, the disk, the queue. What it found are facts
(`facts`). `checks` and `zone_checks` judge them, and are pure: from facts to
findings. `words` says each finding in English and Korean, with what to do.
"""
