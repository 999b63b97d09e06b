"""The pages: each is one task, a script read from top to bottom. app.py is the frame around."""
