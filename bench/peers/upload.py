"""Uploads float32 rows with qdrant-client's upload_points, as its documentation does.

usage: upload.py URL COLLECTION FILE DIMENSIONS PARALLEL
Prints one JSON object: points, seconds (until the last batch is acknowledged), cpuSeconds (with child processes), version.
"""

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy
from qdrant_client import QdrantClient, models


def main():
    url, collection, path, dimensions, parallel = sys.argv[1:]
    rows = numpy.fromfile(path, dtype=numpy.float32).reshape(-1, int(dimensions))
    client = QdrantClient(url=url, check_compatibility=False, timeout=300)
    points = (models.PointStruct(id=number, vector=row.tolist()) for number, row in enumerate(rows))
    start = time.perf_counter()
    client.upload_points(collection, points, parallel=int(parallel))
    seconds = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps({"points": len(rows), "seconds": seconds, "cpuSeconds": cpu, "version": version("qdrant-client")}))


if __name__ == "__main__":
    main()
