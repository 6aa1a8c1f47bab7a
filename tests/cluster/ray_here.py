"""A Ray of two cores in a process of its own, which prints its address and ends with its standard input."""

import sys

import ray

if __name__ == "__main__":
    here = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    print(here.address_info["address"], flush=True)
    sys.stdin.read()
