# The command `auditlog` with what the consumer and the queries need, and nothing that builds.
FROM python:3.11-slim AS build
WORKDIR /src
# .dockerignore lets through what the wheel is built from, no more.
COPY . .
# The environment gets no pip of its own: it is copied whole into the final image.
RUN python -m venv --without-pip /opt/auditlog \
 && pip --python /opt/auditlog/bin/python install --no-cache-dir -c constraints.txt '.[consumer,web]'

FROM python:3.11-slim
LABEL org.opencontainers.image.title="chat-auditlog" \
      org.opencontainers.image.description="An audit log for platforms that serve chats: Kafka to Elasticsearch" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/auditlog /opt/auditlog
# Log lines leave at once; the root filesystem may be read-only.
ENV PATH=/opt/auditlog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10001:10001
WORKDIR /
ENTRYPOINT ["auditlog"]
CMD ["--help"]
