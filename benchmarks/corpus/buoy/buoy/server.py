import pathlib
from concurrent import futures

import buoy_pb2
import buoy_pb2_grpc
import grpc
import structlog
import tornado.ioloop
import tornado.web
import tornado.websocket
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from buoy.data import BUOYS

HERE = pathlib.Path(__file__).parent
log = structlog.get_logger()


class Buoys(buoy_pb2_grpc.BuoysServicer):
    def Get(self, ask, context):
        if ask.name not in BUOYS:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {ask.name}")
        return BUOYS[ask.name]

    def All(self, ask, context):
        yield from BUOYS.values()


class Home(tornado.web.RequestHandler):
    def get(self):
        self.render("home.html", buoys=BUOYS)


class Data(tornado.web.RequestHandler):
    def get(self, kind):
        from google.protobuf import json_format, text_format

        all_ = list(BUOYS.values())
        if kind == "json":
            self.write({"buoys": [json_format.MessageToDict(b) for b in all_]})
        elif kind == "text":
            self.write("".join(text_format.MessageToString(b) for b in all_))
        elif kind == "yaml":
            import yaml

            self.write(yaml.safe_dump([json_format.MessageToDict(b) for b in all_]))
        else:
            raise tornado.web.HTTPError(404)


class When(tornado.web.RequestHandler):
    def get(self):
        from babel.dates import format_datetime
        from dateutil import parser, tz

        moment = parser.parse("2026-03-01T12:00Z").astimezone(tz.gettz(self.get_argument("tz", "UTC")))
        self.write(format_datetime(moment, "full", locale=self.get_argument("l", "en")))


class Metrics(tornado.web.RequestHandler):
    def get(self):
        from prometheus_client import CollectorRegistry, Gauge, generate_latest

        registry = CollectorRegistry()
        Gauge("buoys", "Number of buoys", registry=registry).set(len(BUOYS))
        self.write(generate_latest(registry))


class Health(tornado.web.RequestHandler):
    def get(self):
        self.write("ok")


class Boom(tornado.web.RequestHandler):
    def get(self):
        raise RuntimeError("boom")


class Jobs(tornado.web.RequestHandler):
    def get(self):
        from apscheduler.triggers.cron import CronTrigger

        self.write(str(CronTrigger.from_crontab("0 4 * * *", timezone="Europe/Vienna")))


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(4))
    buoy_pb2_grpc.add_BuoysServicer_to_server(Buoys(), server)
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection(
        [buoy_pb2.DESCRIPTOR.services_by_name["Buoys"].full_name, reflection.SERVICE_NAME], server
    )
    server.add_insecure_port("[::]:50051")
    server.start()
    tornado.web.Application(
        [
            ("/", Home),
            ("/data/(.*)", Data),
            ("/when", When),
            ("/metrics", Metrics),
            ("/health", Health),
            ("/boom", Boom),
            ("/jobs", Jobs),
        ],
        template_path=HERE / "templates",
        static_path=HERE / "static",
    ).listen(8888)
    tornado.ioloop.IOLoop.current().start()
