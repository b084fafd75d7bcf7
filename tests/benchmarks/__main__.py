"""`make bench`: run all benchmarks and print their tables."""

import os
import platform
import subprocess
import sys

os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "wattline")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "benchmark")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from tests.benchmarks import energy, fleet, load, stores

if __name__ == "__main__":
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs")
    energy.main()
    fleet.main()
    # in a process of its own, for it tells its peak memory
    subprocess.run([sys.executable, "-m", "tests.benchmarks.lake"], check=True)
    load.main()
    stores.main()
