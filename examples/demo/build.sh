#!/usr/bin/env bash
# Builds the demo service's image, once per version: build.sh [VERSION ...]   (default: 1)
# With Go on this machine the binary is compiled here and the image is built FROM scratch, so that no image
# registry is needed. Without Go, the Dockerfile does both and pulls its base image.
set -euo pipefail
cd "$(dirname "$0")"
# The source's hash is a label of the image: an image of an older source is built again.
hash=$(cat main.go go.mod | sha256sum | cut -c1-16)

# Docker's own output is shown only if it fails.
build() {
  local image=$1 context=$2
  shift 2
  if ! output=$(docker build --quiet --label "ecs-stack.source=$hash" --tag "$image" "$@" "$context" 2>&1); then
    echo "$output" >&2
    return 1
  fi
}

for version in "${@:-1}"; do
  image="ecs-stack-demo:$version"
  if [ "$(docker image inspect --format '{{index .Config.Labels "ecs-stack.source"}}' "$image" 2>/dev/null)" = "$hash" ]; then
    continue
  fi
  echo "Building $image" >&2
  if command -v go >/dev/null; then
    context=$(mktemp -d)
    trap 'rm -rf "$context"' EXIT
    CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$context/demo" .
    # The last stage of the Dockerfile, with the binary from here.
    cat >"$context/Dockerfile" <<'END'
FROM scratch
COPY demo /demo
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/demo"]
END
    build "$image" "$context"
    rm -rf "$context"
  else
    build "$image" . --build-arg "VERSION=$version"
  fi
done
