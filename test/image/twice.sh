#!/usr/bin/env bash
# Builds the image twice by the unchanged Dockerfile, from two copies of the sources that differ in their times, and compares
# the layers. By buildah, which needs no daemon; Debian's is unpacked below .foresize where there is none. No registry is asked:
# the base images are stand-ins, empty but for links to this machine's /usr, which is mounted while they build.
# Where it cannot run it says NOT RUN, and fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
not_run() { echo "NOT RUN: the image built twice: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || not_run 'buildah needs root here'
[ -L /bin ] && [ -L /lib ] || not_run '/bin and /lib are not links to /usr here'
for program in go npm git; do command -v "$program" > /dev/null || not_run "there is no $program"; done
buildah=$(command -v buildah || true)
unpacked=$root/.foresize/buildah
if [ -z "$buildah" ]; then
  buildah=$unpacked/usr/bin/buildah
  if [ ! -x "$buildah" ]; then
    command -v apt-get > /dev/null || not_run 'there is no buildah'
    fresh=$(mktemp -d)
    mkdir "$fresh/partial"
    apt-get install --download-only --no-install-recommends -y -qq -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
      -o Dir::Cache::archives="$fresh" buildah > /dev/null || not_run 'apt-get does not find buildah'
    for package in "$fresh"/*.deb; do dpkg-deb -x "$package" "$unpacked"; done
    rm -rf "$fresh"
  fi
fi

# Whatever buildah leaves mounted or in /run goes with a namespace.
[ "${IN_NAMESPACE:-}" = true ] || IN_NAMESPACE=true exec unshare --mount "$root/test/image/twice.sh"
echo 'builds the image twice, each time with npm ci and go build: some four minutes of CPU, 2 GB of disk'
folder=$(mktemp -d "$root/.foresize/image-XXXXXX")
export TMPDIR=$folder/tmp
mkdir "$TMPDIR"
trap 'rm -rf "$folder"' EXIT
mount -t tmpfs tmpfs /run
# buildah starts itself again with no LD_LIBRARY_PATH: the loader itself has to know the libraries that came with it.
if [ -d "$unpacked" ]; then
  { echo 'include /etc/ld.so.conf'; find "$unpacked" -name '*.so*' -printf '%h\n' | sort -u; } > "$folder/libraries.conf"
  PATH=$PATH:/usr/sbin:/sbin ldconfig -X -f "$folder/libraries.conf" -C "$folder/libraries.cache"
  mount --bind "$folder/libraries.cache" /etc/ld.so.cache
fi
"$buildah" --version > /dev/null || not_run 'buildah does not start'
echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' > "$folder/policy.json"
in_store() { "$buildah" --root "$folder/store" --runroot "$folder/state" --storage-driver overlay "$@"; }

# A machine's way to its registries is its own: roots of certificates, and the addresses that npm and go know.
base=$folder/base
mkdir -p "$base"/{usr,tmp,cache/npm,cache/go,etc,opt/node/bin}
chmod 1777 "$base/tmp"
for link in bin sbin lib lib64; do [ ! -L /$link ] || ln -s "usr/$link" "$base/$link"; done
cp -rL /etc/ssl /etc/passwd /etc/group "$base/etc"
cp "$(readlink -f node_modules/node/bin/node)" "$base/opt/node/bin/node"
container=$(in_store from scratch)
in_store add --quiet "$container" "$base" / > /dev/null
variables=(PATH=/opt/node/bin:/usr/local/go/bin:/usr/local/bin:/usr/bin "npm_config_registry=$(npm config get registry)"
  npm_config_cache=/cache/npm GOMODCACHE=/cache/go)
for name in GOPROXY GOSUMDB GOFLAGS; do variables+=("$name=$(go env $name)"); done
for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE; do [ -z "${!name:-}" ] || variables+=("$name=${!name}"); done
for variable in "${variables[@]}"; do in_store config --env "$variable" "$container"; done
for image in $(sed -n 's/^ARG [A-Z]*_IMAGE=//p' deploy/image/Dockerfile); do
  in_store commit --quiet --signature-policy "$folder/policy.json" "$container" "$image" > /dev/null
done
in_store rm "$container" > /dev/null

build() {
  local sources=$folder/sources-$1
  mkdir "$sources"
  git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xmf - -C "$sources"
  in_store build --quiet --isolation chroot --pull-never --signature-policy "$folder/policy.json" \
    --volume /usr:/usr:ro --volume "$(npm config get cache):/cache/npm" --volume "$(go env GOMODCACHE):/cache/go" \
    --ignorefile deploy/image/Dockerfile.dockerignore --file deploy/image/Dockerfile --tag "$1" "$sources" > /dev/null
  rm -rf "$sources"
  in_store push --quiet --signature-policy "$folder/policy.json" "$1" "dir:$folder/$1"
}
# The time at which it was built is in the configuration, and in nothing else.
contents() { in_store inspect --type image --format '{{.OCIv1.RootFS.DiffIDs}} {{.OCIv1.Config}}' "$1"; }

build first
build second
contents first
if [ "$(contents first)" != "$(contents second)" ]; then
  contents second
  for side in first second; do
    for layer in "$folder/$side"/*; do tar -tvf "$layer" --full-time 2> /dev/null || true; done | sort > "$folder/$side.list"
  done
  diff "$folder/first.list" "$folder/second.list" | head -40
  echo 'FAILED: the image built twice is not the same' >&2
  exit 1
fi
echo 'the image built twice is the same, byte by byte'
