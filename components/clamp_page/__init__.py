"""Parts of the Clamp page that know the session: they are drawn nowhere else."""
