"""Answers every gRPC query with K hits, always the same, as soon as it is in. Prints its port; ends with its standard input.

usage: grpc_server.py K
"""

import sys
from concurrent import futures

import grpc
from qdrant_client.grpc import points_pb2, points_service_pb2_grpc
from qdrant_client.grpc.qdrant_common_pb2 import PointId

k = int(sys.argv[1])
hits = [points_pb2.ScoredPoint(id=PointId(num=37 * i), version=3, score=0.9 - i / 1000) for i in range(k)]
answer = points_pb2.QueryResponse(result=hits, time=0.000123)


class Points(points_service_pb2_grpc.PointsServicer):
    def Query(self, request, context):
        return answer


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
points_service_pb2_grpc.add_PointsServicer_to_server(Points(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
