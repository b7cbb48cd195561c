"""Plans for the next trial: power, and the search for a schedule."""
