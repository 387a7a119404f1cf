#!/bin/sh
# Builds images, stages Flex Templates and renders overlays, for `make template` and Cloud Build:
#   templates/stage.sh images            the names of all images
#   templates/stage.sh templates         the names of all Flex Templates
#   templates/stage.sh image NAME        builds and pushes an image
#   templates/stage.sh template NAME     the template's file in the bucket, by version and as latest
#   templates/stage.sh manifest FOLDER   an overlay's objects, with the images of this version, in
#                                        out/manifests/VERSION: its path with - for /, and .yaml
#   templates/stage.sh manifests         copies these files to the bucket
# In the environment: REPOSITORY (REGION-docker.pkg.dev/PROJECT/NAME), VERSION (the commit), and for
# the bucket BUCKET and PROJECT.
set -eu

cd "$(dirname "$0")/.."

# Images of Kubernetes, by the names that the manifests have for them; the others are of Dataflow.
OF_KUBERNETES="connect flink flink-worker kami"

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

templates() {
  for metadata in templates/*/metadata.json; do
    basename "$(dirname "$metadata")"
  done
}

image() {
  case $1 in
    connect) dockerfile=templates/connect/Dockerfile ;;
    flink) dockerfile=templates/flink/Dockerfile ;;
    flink-worker) dockerfile=templates/flink/worker.Dockerfile ;;
    kami) dockerfile=templates/kami/Dockerfile ;;
    *)
      dockerfile=templates/Dockerfile
      [ -f "templates/$1/metadata.json" ] ||
        stop "$1: no templates/$1/metadata.json, and none of $OF_KUBERNETES"
      ;;
  esac
  needs REPOSITORY VERSION
  image=$REPOSITORY/$1:$VERSION
  # What the build before has made is taken from it, as far as it is the same.
  cache=$REPOSITORY/$1:cache
  set -- "$1" --tag "$image" --tag "$cache" --cache-from "$cache" \
    --build-arg BUILDKIT_INLINE_CACHE=1 --file "$dockerfile"
  if [ "$dockerfile" = templates/Dockerfile ]; then
    set -- "$@" --build-arg "PIPELINE=$1" --build-arg "IMAGE=$image"
  fi
  shift
  DOCKER_BUILDKIT=1 docker build "$@" .
  docker push "$image"
  docker push "$cache"
}

template() {
  [ -f "templates/$1/metadata.json" ] || stop "$1: no templates/$1/metadata.json"
  needs REPOSITORY VERSION BUCKET PROJECT
  staged=gs://$BUCKET/templates/$1
  gcloud dataflow flex-template build "$staged/$VERSION.json" --project "$PROJECT" \
    --image "$REPOSITORY/$1:$VERSION" --sdk-language PYTHON \
    --metadata-file "templates/$1/metadata.json"
  gcloud storage cp "$staged/$VERSION.json" "$staged/latest.json" --project "$PROJECT"
}

# In a copy: the overlay keeps the images that it names for who applies it by hand.
manifest() {
  folder=${1%/}
  [ -f "$folder/kustomization.yaml" ] || stop "$1: no kustomization.yaml in it"
  needs REPOSITORY VERSION
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  cp -R templates "$copy"
  [ -d "$copy/$folder" ] || cp -R "${folder%%/*}" "$copy"
  for name in $OF_KUBERNETES; do
    (cd "$copy/$folder" && kustomize edit set image "$name=$REPOSITORY/$name:$VERSION")
  done
  mkdir -p "out/manifests/$VERSION"
  kustomize build "$copy/$folder" \
    >"out/manifests/$VERSION/$(echo "$folder" | tr / -).yaml"
}

manifests() {
  needs VERSION BUCKET PROJECT
  [ -d "out/manifests/$VERSION" ] || stop "out/manifests/$VERSION: no overlay was rendered"
  gcloud storage cp --recursive "out/manifests/$VERSION" "gs://$BUCKET/manifests/" \
    --project "$PROJECT"
}

case $#,${1:-} in
  1,images) for name in $OF_KUBERNETES $(templates); do echo "$name"; done ;;
  1,templates | 1,manifests | 2,image | 2,template | 2,manifest) "$@" ;;
  *) stop "expected images, templates, manifests, image NAME, template NAME or manifest FOLDER" ;;
esac
