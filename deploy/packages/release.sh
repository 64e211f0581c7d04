#!/usr/bin/env bash
# Makes the files of a release: bash deploy/packages/release.sh VERSION FOLDER. An archive for each of TARGETS, packages
# for those of Linux, the chart, a software bill of materials, a Homebrew formula, and checksums of all. It needs Go, git
# and tar; HELM is the command for the chart, without which there is none. URL is where the archives will be.
set -euo pipefail
cd "$(dirname "$0")/../.."

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.41.3
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
targets=${TARGETS:-linux/amd64 linux/arm64 linux/arm darwin/amd64 darwin/arm64 windows/amd64}

if [[ ! ${1:-} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || [ $# != 2 ]; then
	printf 'usage: release.sh VERSION FOLDER, with a version such as 0.1.0 or 0.1.0-rc.1, not %q\n' "${1:-}" >&2
	exit 2
fi
export VERSION=$1 CGO_ENABLED=0 MAINTAINER=${MAINTAINER:-qase-relay maintainers <maintainers@users.noreply.example.com>}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p "$2"
out=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# stage builds the program for a target, with all that goes with it: stage TARGET FOLDER
stage() {
	local program=$2/qase-relay
	[ "${1%/*}" != windows ] || program+=.exe
	mkdir -p "$2"
	GOOS=${1%/*} GOARCH=${1#*/} GOARM=7 go build -trimpath -ldflags "-s -w -X main.version=v$VERSION" -o "$program" ./cmd/qase-relay
	cp -r "$work/common/." "$2"
	cp LICENSE rules.example.yaml "$2"
	# the pages, and the examples that they lead to
	git ls-files -z "*.md" examples ".github/*.svg" ".github/*.png" | xargs -0 cp --parents -t "$2"
}

# archive packs a folder with the same bytes each time: archive FOLDER FILE
archive() {
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$1" -cf - . | gzip -n9 >"$2"
}

mkdir -p "$work/common" "$work/bin"
go build -trimpath -ldflags "-s -w -X main.version=v$VERSION" -o "$work/qase-relay" ./cmd/qase-relay
"$work/qase-relay" man "$work/common"
gzip -n9 "$work"/common/man1/*.1
sh deploy/packages/licenses.sh >"$work/common/THIRD_PARTY_LICENSES"
(cd "$work" && GOBIN=$work/bin GOFLAGS=-mod=mod go install "$nfpm" && GOBIN=$work/bin GOFLAGS=-mod=mod go install "$cyclonedx")

for target in $targets; do
	system=${target%/*} arch=${target#*/}
	export STAGE="$work/$system-$arch" ARCH=$arch
	stage "$target" "$STAGE"
	archive "$STAGE" "$out/qase-relay_${VERSION}_${system}_$arch.tar.gz"
	if [ "$system" = linux ]; then
		[ "$arch" != arm ] || ARCH=arm7
		for format in deb rpm apk; do
			"$work/bin/nfpm" package --config deploy/packages/nfpm.yaml --packager "$format" --target "$out" >"$work/nfpm.log" 2>&1 || { cat "$work/nfpm.log" >&2; exit 1; }
		done
	fi
done
"$work/bin/cyclonedx-gomod" app -json -licenses -output "$out/qase-relay_$VERSION.cdx.json" -main cmd/qase-relay . 2>/dev/null
if [ -n "${HELM:-}" ]; then
	"$HELM" package deploy/helm/qase-relay --version "$VERSION" --app-version "$VERSION" --destination "$out" >/dev/null
fi
(
	cd "$out"
	shopt -s nullglob
	sha256sum -- *.tar.gz *.deb *.rpm *.apk *.json *.tgz >checksums.txt
)
if [ -n "${URL:-}" ]; then
	bash deploy/packages/formula.sh "$VERSION" "$URL" "$out/checksums.txt" >"$out/qase-relay.rb"
fi
ls -l "$out"
