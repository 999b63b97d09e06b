"""What leaves the workbench: a file that runs again, a page for others, a program.

Public: `export` and `read_export`, `report`, `snippet`.
"""
