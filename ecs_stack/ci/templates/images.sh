#!/usr/bin/env bash
# Builds the images of a commit, pushes them, and prints an option of `ecs-stack ephemeral up` for each.
# Pipelines call it with the commit. `ecs-stack ci` has written it once, and it is yours to change: only services that a
# pull request can change need a line. The others of a preview are the host's own.
set -euo pipefail
tag=$1

build() {  # SERVICE REPOSITORY FOLDER
  docker build --quiet --tag "$2:$tag" "$3" >&2
  docker push --quiet "$2:$tag" >&2
  echo "--image $1=$2:$tag"
}

<<logins>>
<<builds>>
