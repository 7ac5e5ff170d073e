import buoy_pb2
from google.protobuf.timestamp_pb2 import Timestamp

BUOYS = {
    n: buoy_pb2.Buoy(name=n, height=h, at=Timestamp(seconds=0)) for n, h in (("north", 1.5), ("south", 0.5))
}
