"""What every other package may know: ids, errors, limits, the clock, letter events.

Nothing here does input or output, except that `SystemClock` reads the clock.
Start at `ids`; add a limit to `limits` before writing a buffer.
"""
