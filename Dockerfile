# syntax=docker/dockerfile:1
# Three images from one file, each of static programs and nothing else, run by the user 65532: `cybexp` (every role of the platform), and
# the pinned servers `dgraph` and `nats`.
#   docker build --target cybexp -t cybexp .
#   docker build --target dgraph -t cybexp-dgraph .
#   docker build --target nats -t cybexp-nats .

FROM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make VERSION="$VERSION" bin/cybexp && install -d -o 65532 -g 65532 /out/data /out/exchange

# The images of servers carry cybexp for their health checks: they have no shell and no curl.
FROM build AS build-dgraph
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make bin/dgraph && install -d -o 65532 -g 65532 /out/dgraph

FROM build AS build-nats
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build make bin/nats-server

FROM gcr.io/distroless/static-debian12:nonroot AS nats
COPY --from=build-nats /src/bin/nats-server /usr/local/bin/nats-server
COPY --from=build /src/bin/cybexp /usr/local/bin/cybexp
COPY --from=build --chown=65532:65532 /out/data /data
ENTRYPOINT ["/usr/local/bin/nats-server"]

FROM gcr.io/distroless/static-debian12:nonroot AS dgraph
COPY --from=build-dgraph /src/bin/dgraph /usr/local/bin/dgraph
COPY --from=build /src/bin/cybexp /usr/local/bin/cybexp
COPY --from=build-dgraph --chown=65532:65532 /out/dgraph /dgraph
COPY --from=build --chown=65532:65532 /out/exchange /exchange
WORKDIR /dgraph
ENTRYPOINT ["/usr/local/bin/dgraph"]

FROM gcr.io/distroless/static-debian12:nonroot AS cybexp
COPY --from=build /src/bin/cybexp /usr/local/bin/cybexp
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/exchange /exchange
ENV CYBEXP_DATA=/data
EXPOSE 8090
ENTRYPOINT ["/usr/local/bin/cybexp"]
