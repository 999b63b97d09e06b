"""What a setting did: the board, lights, loss, controls, sweep, dose."""
