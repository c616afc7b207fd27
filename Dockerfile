# syntax=docker/dockerfile:1
# Two images from one file: `cybexp` (every role of the platform) and `dgraph` (the pinned server).
#   docker build --target cybexp -t cybexp .
#   docker build --target dgraph -t cybexp-dgraph .

FROM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make VERSION="$VERSION" bin/cybexp && install -d -o 65532 -g 65532 /out/data

# The dgraph image carries cybexp for its health check: it has no shell and no curl.
FROM build AS build-dgraph
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    make bin/dgraph && install -d -o 65532 -g 65532 /out/dgraph

FROM gcr.io/distroless/static-debian12:nonroot AS dgraph
COPY --from=build-dgraph /src/bin/dgraph /usr/local/bin/dgraph
COPY --from=build /src/bin/cybexp /usr/local/bin/cybexp
COPY --from=build-dgraph --chown=65532:65532 /out/dgraph /dgraph
WORKDIR /dgraph
ENTRYPOINT ["/usr/local/bin/dgraph"]

FROM gcr.io/distroless/static-debian12:nonroot AS cybexp
COPY --from=build /src/bin/cybexp /usr/local/bin/cybexp
COPY --from=build --chown=65532:65532 /out/data /data
ENV CYBEXP_DATA=/data
EXPOSE 8090
ENTRYPOINT ["/usr/local/bin/cybexp"]
