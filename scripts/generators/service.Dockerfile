# Made by scripts/generators/dockerfiles.py from service.Dockerfile beside it: change that, then `make generate`.
# From the repository's root: docker build -f services/@NAME@/Dockerfile . (all of them: make images)
ARG BASE=docker.io/library/python:3.13-slim

# What others wrote. Made anew only when the lock or a manifest changes.
FROM ${BASE} AS packages
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_PYTHON=python3 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_SYSTEM_CERTS=1 \
    UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH
WORKDIR /src
COPY scripts/setup.py scripts/
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache python3 scripts/setup.py --uv-only /uv
@MANIFESTS@
RUN --mount=type=cache,target=/root/.cache \
    /uv/bin/uv sync --frozen --no-dev --no-install-workspace --package tseeder-@NAME@

# What is ours, in a layer of its own: a few hundred KiB for each change of the code.
FROM packages AS own
@SOURCES@
RUN --mount=type=cache,target=/root/.cache \
    /uv/bin/uv sync --frozen --no-dev --no-editable --package tseeder-@NAME@ \
    && mkdir /own && cp -a --parents /app/.venv/lib/python*/site-packages/tseeder* /own

FROM ${BASE}
COPY --from=packages /app/.venv /app/.venv
COPY --from=own /own/app/.venv /app/.venv
WORKDIR /app
ENV PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 HOME=/tmp
# Official images have no bytecode of Python's own library, and a read-only root keeps none: 0.4 s of CPU at each start.
RUN ["python", "-c", "import tseeder_@NAME@.__main__"]
ENV PYTHONDONTWRITEBYTECODE=1
# Where it listens if nothing else is said.
ENV @LISTENS@
EXPOSE @PORTS@
# Any other user will do, too: nothing is written but to /tmp@SCRATCH@.
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "tseeder_@NAME@"]
CMD ["serve"]
ARG VERSION=@VERSION@
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tseeder-@NAME@" \
      org.opencontainers.image.description="@DESCRIPTION@" \
      org.opencontainers.image.licenses="@LICENSE@" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
