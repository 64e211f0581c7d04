#!/usr/bin/env bash
# Puts qase-relay on the PATH of the next steps: the release VERSION from RELEASES, checked against its checksums, or for
# anything but a release a build of the action's own source.
set -euo pipefail

bin=${RUNNER_TEMP:?}/qase-relay-bin
mkdir -p "$bin"
if [[ ${VERSION:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
	case "$(uname -s)" in
	Linux) system=linux ;;
	Darwin) system=darwin ;;
	*)
		printf '::error title=qase-relay::the action runs on Linux and macOS, not on %s\n' "$(uname -s)"
		exit 2
		;;
	esac
	case "$(uname -m)" in
	x86_64) machine=amd64 ;;
	arm64 | aarch64) machine=arm64 ;;
	*)
		printf '::error title=qase-relay::there is no release for %s\n' "$(uname -m)"
		exit 2
		;;
	esac
	archive=qase-relay_${VERSION#v}_${system}_$machine.tar.gz
	if ! { curl -fsSL --retry 3 -o "$bin/$archive" "$RELEASES/$VERSION/$archive" &&
		curl -fsSL --retry 3 -o "$bin/checksums.txt" "$RELEASES/$VERSION/checksums.txt"; }; then
		printf '::error title=qase-relay::version: there is no release %s at %s\n' "$VERSION" "$RELEASES"
		exit 2
	fi
	sum=$(command -v sha256sum >/dev/null && echo sha256sum || echo "shasum -a 256")
	if ! (cd "$bin" && grep -F " $archive" checksums.txt | $sum -c - >/dev/null); then
		printf '::error title=qase-relay::%s does not have the checksum of the release\n' "$archive"
		exit 2
	fi
	tar -xzf "$bin/$archive" -C "$bin" qase-relay
	rm "$bin/$archive"
else
	(cd "$GITHUB_ACTION_PATH/../.." && CGO_ENABLED=0 go build -trimpath -o "$bin/qase-relay" ./cmd/qase-relay)
fi
"$bin/qase-relay" --version
echo "$bin" >>"$GITHUB_PATH"
