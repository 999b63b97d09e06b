"""What leaves the workbench: a file that runs again, a page for others, a program.

Public: `export`, `run_file` and `compare`; `report`; `snippet`.
"""
