# The command `auditlog` for every role: consumer, server, alert runner, set-up, secrets. No build tools.
FROM python:3.11-slim AS build
WORKDIR /src
# Building has its own environment. The other one, without pip, is copied into the final image.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/auditlog
# Dependencies first, by hash: they change less often than our code.
COPY requirements.txt requirements-build.txt ./
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
 && /opt/build/bin/pip --python /opt/auditlog/bin/python install --no-cache-dir --no-compile \
        --require-hashes -r requirements.txt
# .dockerignore allows only what the wheel is built from.
COPY . .
# Compiled here, because the final image is read-only; sources never change there, so none is checked.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels . \
 && /opt/build/bin/pip --python /opt/auditlog/bin/python install --no-cache-dir --no-compile --no-deps \
        /wheels/*.whl \
 && rm -rf /opt/auditlog/include /opt/auditlog/share /opt/auditlog/lib/python3*/site-packages/*/tests \
 && find /opt/auditlog/bin -type f ! -name auditlog -delete \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/auditlog/lib
# A volume that is mounted there for the first time takes over owner and mode.
RUN mkdir /seal && mkdir -m 0700 /seal/keys /witness

FROM python:3.11-slim
LABEL org.opencontainers.image.title="chat-auditlog" \
      org.opencontainers.image.description="An audit log for platforms that serve chats: Kafka to Elasticsearch" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/auditlog /opt/auditlog
COPY --from=build --chown=10001:10001 /seal /var/lib/auditlog-seal
COPY --from=build --chown=10001:10001 /witness /var/lib/auditlog-streams
COPY --from=build --chown=10001:10001 /witness /var/lib/auditlog-witness
# Log lines are not buffered; the root file system may be read-only.
ENV PATH=/opt/auditlog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10001:10001
WORKDIR /
ENTRYPOINT ["auditlog"]
CMD ["--help"]
# Requests /readyz of whatever runs; a job has none and counts as healthy.
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-m", "audit_cli.healthy"]
