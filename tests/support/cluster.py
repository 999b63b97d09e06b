"""A cluster whose worker is a thread of this process: nothing is imported anew."""

from contextlib import AbstractContextManager

from distributed import LocalCluster

from backend.studies.cluster import LOOPBACK


def threaded_cluster(n_workers: int = 1) -> AbstractContextManager[LocalCluster]:
    """Its scheduler listens as any other does."""
    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:0",
        worker_dashboard_address=f"{LOOPBACK}:0",
    )
