import datetime
import zoneinfo

import aiohttp_jinja2
from aiohttp import web

routes = web.RouteTableDef()


@routes.get("/")
@aiohttp_jinja2.template("index.html")
async def index(request):
    return {"ships": ["orca", "krill"]}


@routes.get("/when")
@aiohttp_jinja2.template("when.html")
async def when(request):
    from babel.dates import format_datetime, get_timezone_name

    zone = zoneinfo.ZoneInfo(request.query.get("tz", "UTC"))
    day = datetime.datetime(2026, 3, 1, 12, tzinfo=zone)
    return {
        "day": format_datetime(day, "full", locale=request["l"]),
        "zone": get_timezone_name(day, locale=request["l"]),
    }


@routes.get("/boom")
async def boom(request):
    raise RuntimeError("whale")


@routes.get("/stream")
async def stream(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
    answer.enable_compression()
    await answer.prepare(request)
    for number in range(3):
        await answer.write(f"{number}\n".encode())
    await answer.write_eof()
    return answer
