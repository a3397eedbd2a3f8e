# syncd as a small image: no compiler, no root, nothing written outside /var/lib/syncd.
#
#   docker build -t syncd .
#   docker run --rm -v syncd:/var/lib/syncd syncd init .
#   docker run -d --read-only --tmpfs /tmp -v syncd:/var/lib/syncd --stop-timeout 30 syncd

FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/syncd
COPY constraints.txt pyproject.toml README.md LICENSE alembic.ini ./
COPY migrations migrations
COPY config config
COPY syncd syncd
# As a wheel, so that the image holds what any installation holds, and not a checkout. The extra `sqlite` brings a
# SQLite that is newer than the distribution's; the pins are those that were tested.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && /opt/syncd/bin/pip install --no-cache-dir --no-compile -c constraints.txt "$(echo /wheels/syncd-*.whl)[sqlite,fast]" \
 && /opt/syncd/bin/python -m compileall -q /opt/syncd/lib \
 && /opt/syncd/bin/syncd --version

FROM python:3.13-slim
COPY --from=build /opt/syncd /opt/syncd
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/syncd --shell /usr/sbin/nologin syncd \
 && install -d -o syncd -g syncd -m 0700 /var/lib/syncd
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER syncd
WORKDIR /var/lib/syncd
VOLUME /var/lib/syncd
STOPSIGNAL SIGTERM
# Settings, key and databases are read as the daemon reads them. That a shop waits for a person (3) is no fault of the
# container, and starting it again would not help.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --retries=3 \
    CMD syncd status --json >/dev/null || [ $? -eq 3 ]
ENTRYPOINT ["syncd"]
CMD ["run"]
