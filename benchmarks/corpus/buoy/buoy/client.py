import sys

import buoy_pb2
import buoy_pb2_grpc
import grpc


def stub():
    return buoy_pb2_grpc.BuoysStub(grpc.insecure_channel("localhost:50051"))


def ask(args):
    try:
        print(stub().Get(buoy_pb2.Ask(name=args.name), timeout=5))
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")


def all(args):  # noqa: A001 - the name of the verb
    for buoy in stub().All(buoy_pb2.Ask(), timeout=5):
        print(buoy.name, buoy.at.ToJsonString())


def health(args):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    print(
        health_pb2_grpc.HealthStub(grpc.insecure_channel("localhost:50051")).Check(
            health_pb2.HealthCheckRequest(), timeout=5
        )
    )


def services(args):
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    print(sorted(ProtoReflectionDescriptorDatabase(grpc.insecure_channel("localhost:50051")).get_services()))


def dump(args):
    from google.protobuf import json_format

    from buoy.data import BUOYS

    if args.kind == "json":
        print(json_format.MessageToJson(BUOYS["north"]))
    elif args.kind == "text":
        print(BUOYS["north"])
    elif args.kind == "yaml":
        import yaml

        print(yaml.safe_dump(json_format.MessageToDict(BUOYS["north"])))
    else:
        import msgpack

        print(msgpack.packb(json_format.MessageToDict(BUOYS["north"])))
