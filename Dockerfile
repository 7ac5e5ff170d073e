# TraceWhale itself as an image: docs/own-image.md.
#
#   docker build -t tracewhale .
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock tracewhale run -t shop:slim --http / shop:latest
ARG PYTHON=python:3.13-slim
FROM $PYTHON AS build
COPY . /source
RUN python3 -m venv /opt/tracewhale && /opt/tracewhale/bin/pip install --no-cache-dir /source

FROM $PYTHON
COPY --from=build /opt/tracewhale /opt/tracewhale
ENV PATH=/opt/tracewhale/bin:$PATH
WORKDIR /work
ENTRYPOINT ["tracewhale"]
