"""What clamps are held against: other ways to make the same model forget."""
