# TraceWhale itself as an image:
#
#   docker build -t tracewhale .
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock tracewhale run -t shop:slim --http / shop:latest
FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
WORKDIR /work
ENTRYPOINT ["tracewhale"]
