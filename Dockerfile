# syncd as a small image: no compiler, no root, nothing written outside /var/lib/syncd and /tmp.
#
#   docker build -t syncd .
#   docker run --rm -v syncd:/var/lib/syncd syncd init .
#   docker run -d --name syncd --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#       -v syncd:/var/lib/syncd --stop-timeout 90 --restart unless-stopped syncd
#   docker exec syncd syncd status
#
# With PostgreSQL: compose.yaml.

FROM python:3.13.9-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/syncd
# What changes seldom comes first, so that a change of the program installs no library anew.
COPY constraints.txt pyproject.toml README.md LICENSE alembic.ini ./
COPY migrations migrations
COPY config config
COPY syncd syncd
# As a wheel, so that the image holds what any installation holds, and not a checkout. The extra `sqlite` brings a
# SQLite that is newer than the distribution's; the pins are those that were tested.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN /opt/syncd/bin/pip install --no-cache-dir --no-compile -c constraints.txt "$(echo /wheels/syncd-*.whl)[sqlite,fast]"
RUN /opt/syncd/bin/python -m compileall -q /opt/syncd/lib
RUN /opt/syncd/bin/syncd --version
# Older ones can, very rarely, damage a file that two programs write at once.
RUN /opt/syncd/bin/python -c "from syncd.store.database import SQLITE_SOUND, sqlite_version; assert sqlite_version() >= SQLITE_SOUND, sqlite_version()"

FROM python:3.13.9-slim-trixie
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="syncd" \
      org.opencontainers.image.description="Keeps a relational mirror of FlickRocket shops, on SQLite or PostgreSQL, in step with the shops" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/syncd /opt/syncd
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/syncd --shell /usr/sbin/nologin syncd
RUN install -d -o syncd -g syncd -m 0700 /var/lib/syncd
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER syncd
WORKDIR /var/lib/syncd
VOLUME /var/lib/syncd
EXPOSE 8765
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "-m", "syncd.service.healthcheck"]
# The first process passes signals on, takes in orphans, and waits for an exchange of tokens that outlives the daemon.
ENTRYPOINT ["python", "-m", "syncd.host.pid1", "syncd"]
CMD ["run"]
