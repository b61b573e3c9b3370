"""CPU of a Python client a query, against a server that always answers the same.

usage: queries.py rest|grpc|vectordbbench ADDRESS DIMENSIONS K REQUESTS
Prints one JSON object: requests, cpuSeconds (this process, all threads, after 200 requests to warm up), version.
"""

import json
import math
import resource
import sys
from importlib.metadata import version

WARMUP = 200
QUERIES = 64


def vectors(dimensions):
    return [[math.sin(row * 131 + i * 17) for i in range(dimensions)] for row in range(QUERIES)]


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def asker(kind, address, dimensions, k):
    host, port = address.rsplit(":", 1)
    if kind == "vectordbbench":
        from qdrant_client import QdrantClient
        from vectordb_bench.backend.clients.qdrant_local.config import QdrantLocalIndexConfig
        from vectordb_bench.backend.clients.qdrant_local.qdrant_local import QdrantLocal

        # Its constructor makes a collection, which a server with one answer has not: only its search is asked for.
        bench = object.__new__(QdrantLocal)
        bench.client = QdrantClient(url=f"http://{address}", check_compatibility=False)
        bench.collection_name = "bench"
        bench.search_parameter = QdrantLocalIndexConfig(m=16, ef_construct=100).search_param()
        return lambda vector: bench.search_embedding(vector, k)
    from qdrant_client import QdrantClient

    client = QdrantClient(
        host=host,
        port=int(port),
        grpc_port=int(port),
        prefer_grpc=kind == "grpc",
        check_compatibility=False,
    )
    return lambda vector: client.query_points("bench", query=vector, limit=k)


def main():
    kind, address, dimensions, k, requests = sys.argv[1:]
    ask = asker(kind, address, int(dimensions), int(k))
    queries = vectors(int(dimensions))
    for number in range(WARMUP):
        ask(queries[number % QUERIES])
    before = cpu_seconds()
    for number in range(int(requests)):
        ask(queries[number % QUERIES])
    used = cpu_seconds() - before
    package = "vectordb-bench" if kind == "vectordbbench" else "qdrant-client"
    print(json.dumps({"requests": int(requests), "cpuSeconds": used, "version": version(package)}))


main()
