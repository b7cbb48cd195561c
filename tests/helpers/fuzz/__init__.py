"""Cases for the fuzzers: valid input, one or several changes, and what must come of it."""
