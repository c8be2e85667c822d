"""Who vouches for a letter: SPF, DKIM, DMARC, ARC. Pure; asks DNS by yielding."""
