# One image for every component: `docker run otelhouse COMMAND`, as docker-compose.yml does.

FROM node:24-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:3.11-slim-bookworm AS packages
WORKDIR /src
RUN python -m venv /opt/otelhouse
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schema schema
COPY otelhouse otelhouse
COPY ingest ingest
COPY processor processor
COPY query query
RUN /opt/otelhouse/bin/pip install -c constraints.txt '.[demo]'
COPY --from=web /src/web/dist /opt/otelhouse/lib/python3.11/site-packages/query/static

FROM python:3.11-slim-bookworm
# Kernels are compiled here once, for any CPU of this architecture: "x86-64-v3" is a little faster where all are new.
ARG NUMBA_CPU_NAME=generic
RUN useradd --system --uid 10001 --home-dir /var/lib/otelhouse otelhouse \
    && install --directory --owner otelhouse --group otelhouse /var/lib/otelhouse /var/cache/otelhouse
COPY --from=packages /opt/otelhouse /opt/otelhouse
ENV PATH=/opt/otelhouse/bin:$PATH \
    NUMBA_CPU_NAME=${NUMBA_CPU_NAME} \
    NUMBA_CACHE_DIR=/var/cache/otelhouse \
    OTELHOUSE_DATA=/var/lib/otelhouse
USER otelhouse
RUN python -m otelhouse.warm
VOLUME /var/lib/otelhouse
EXPOSE 4317 4318 8080 9464
ENTRYPOINT ["otelhouse"]
CMD ["--help"]
