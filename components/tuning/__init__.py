"""Settings found by the machine: what it is asked, what grows while it works, what it found."""
