# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/hub \
 && /opt/hub/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/hub/bin/python -m pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/hub --create-home hub
COPY --from=build /opt/hub /opt/hub
WORKDIR /srv/hub
USER 10001
ENV PATH=/opt/hub/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# hub.toml and var/ (ledger and keys) are mounted here; nothing secret is in the image.
VOLUME ["/srv/hub/var"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["hub"]
CMD ["serve", "--config", "/srv/hub/hub.toml"]
