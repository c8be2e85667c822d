"""Who is speaking: SASL mechanisms (RFC 4422), both sides, for all protocols."""
