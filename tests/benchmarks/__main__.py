"""`make bench`: run all benchmarks and print their tables."""

import os
import platform
import subprocess
import sys

os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "wattline")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "benchmark")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from tests.benchmarks import alerts, batteries, drops, energy, fleet, lambda_time, load, stores
from wattline.domain.fleet import Kind

if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs")
    energy.main()
    fleet.main()
    lambda_time.main()
    for kind in Kind:  # in processes of their own, for they tell their peak memory
        subprocess.run([sys.executable, "-m", "tests.benchmarks.lake", kind], check=True)
    batteries.main()
    drops.main()
    load.main()
    alerts.main()
    stores.main()
