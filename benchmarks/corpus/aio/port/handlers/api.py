from aiohttp import web

routes = web.RouteTableDef()


@routes.get("/api/ships")
async def ships(request):
    import aiosqlite

    async with aiosqlite.connect(":memory:") as db:
        await db.execute("create table ship (name text)")
        await db.executemany("insert into ship values (?)", [("orca",), ("krill",)])
        async with db.execute("select name from ship order by name") as rows:
            names = [name async for (name,) in rows]
    if request.query.get("as") == "msgpack":
        import msgpack

        return web.Response(body=msgpack.packb(names), content_type="application/x-msgpack")
    return web.json_response(names)


@routes.post("/api/ships")
async def add(request):
    from pydantic import ValidationError

    from port.models import Ship

    try:
        ship = Ship.model_validate(await request.json())
    except ValidationError as error:
        return web.json_response([row["msg"] for row in error.errors()], status=422)
    return web.json_response(ship.model_dump(mode="json"), status=201)


@routes.post("/api/upload")
async def upload(request):
    form = await request.post()
    data = form["file"].file.read()
    return web.json_response(
        {
            "name": form["file"].filename,
            "bytes": len(data),
            "text": data.decode(request.query.get("c", "utf-8")),
        }
    )


@routes.get("/api/fetch")
async def fetch(request):
    import aiohttp

    try:
        async with aiohttp.ClientSession() as session, session.get(request.query["u"]) as answer:
            return web.json_response({"status": answer.status, "bytes": len(await answer.read())})
    except aiohttp.ClientError as error:
        return web.json_response({"error": type(error).__name__}, status=502)
