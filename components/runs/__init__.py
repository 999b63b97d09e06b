"""Everything tried: the chart of trials, two settings side by side."""
