# syntax=docker/dockerfile:1
# docker build -t qase-relay --build-arg VERSION="$(git describe --tags --always)" .
# Several architectures: docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 …; the compiler runs on the
# machine's own one. How to run the image: deploy/README.md.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# without VERSION, the version is the revision of the clone
ARG VERSION TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    git config --global --add safe.directory /src && mkdir -p /out/data && \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} \
    go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/qase-relay ./cmd/qase-relay && \
    mkdir /out/licenses && cp LICENSE /out/licenses/ && \
    sh deploy/packages/licenses.sh >/out/licenses/THIRD_PARTY_LICENSES

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="qase-relay" \
      org.opencontainers.image.description="Receives Qase webhooks, applies rules, and notifies people" \
      org.opencontainers.image.documentation="deploy/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/qase-relay /qase-relay
COPY --from=build /out/licenses /licenses
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV QASE_RELAY_RULES=/etc/qase-relay/rules.yaml \
    QASE_RELAY_STORE=sqlite:///data/relay.db \
    TMPDIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=10s CMD ["/qase-relay", "healthcheck"]
ENTRYPOINT ["/qase-relay"]
CMD ["serve"]
