#!/bin/sh
# Builds images and stages Flex Templates, for `make template` and Cloud Build:
#   templates/stage.sh image NAME       NAME is a pipeline with a template, or kami
#   templates/stage.sh template NAME    the template's file in the bucket, by version and as latest
# In the environment: REPOSITORY (REGION-docker.pkg.dev/PROJECT/NAME), VERSION (the commit), and for
# templates BUCKET and PROJECT.
set -eu

cd "$(dirname "$0")/.."

stop() {
  echo "templates/stage.sh: $1" >&2
  exit 2
}

needs() {
  for setting in "$@"; do
    eval "value=\${$setting:-}"
    [ -n "$value" ] || stop "$setting is not set"
  done
}

[ $# = 2 ] || stop "expected: image NAME or template NAME"
name=$2
needs REPOSITORY VERSION
image=$REPOSITORY/$name:$VERSION

case $1 in
  image)
    if [ "$name" = kami ]; then
      DOCKER_BUILDKIT=1 docker build --tag "$image" --file templates/kami/Dockerfile .
    elif [ -f "templates/$name/metadata.json" ]; then
      DOCKER_BUILDKIT=1 docker build --tag "$image" --file templates/Dockerfile \
        --build-arg "PIPELINE=$name" --build-arg "IMAGE=$image" .
    else
      stop "$name: no templates/$name/metadata.json, and not kami"
    fi
    docker push "$image"
    ;;
  template)
    [ -f "templates/$name/metadata.json" ] || stop "$name: no templates/$name/metadata.json"
    needs BUCKET PROJECT
    staged=gs://$BUCKET/templates/$name
    gcloud dataflow flex-template build "$staged/$VERSION.json" --project "$PROJECT" \
      --image "$image" --sdk-language PYTHON --metadata-file "templates/$name/metadata.json"
    gcloud storage cp "$staged/$VERSION.json" "$staged/latest.json" --project "$PROJECT"
    ;;
  *)
    stop "$1: expected image or template"
    ;;
esac
