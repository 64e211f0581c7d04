# docker build -t qase-relay . and then as in README.md, “Keep it running”.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# docker build --build-arg VERSION=v1.2.3 names a release; without it, the version tells the revision of the clone
ARG VERSION=
RUN git config --global --add safe.directory /src; \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/qase-relay ./cmd/qase-relay && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/qase-relay /qase-relay
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV QASE_RELAY_RULES=/etc/qase-relay/rules.yaml \
    QASE_RELAY_STORE=sqlite:///data/relay.db \
    TMPDIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s CMD ["/qase-relay", "healthcheck"]
ENTRYPOINT ["/qase-relay"]
CMD ["serve"]
