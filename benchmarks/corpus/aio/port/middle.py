import aiohttp_jinja2
from aiohttp import web
from babel.support import Translations


@web.middleware
async def language(request, handler):
    name = request.query.get("l", "en")
    env = aiohttp_jinja2.get_env(request.app)
    env.install_gettext_translations(Translations.load("locale", [name]), newstyle=True)
    request["l"] = name
    return await handler(request)


@web.middleware
async def errors(request, handler):
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return aiohttp_jinja2.render_template(
            "error.html", request, {"status": error.status, "reason": error.reason}, status=error.status
        )
    except Exception as error:
        import structlog

        structlog.get_logger().error("failed", kind=type(error).__name__)
        return web.json_response({"error": str(error)}, status=500)
