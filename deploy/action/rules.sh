#!/usr/bin/env bash
# Checks and tests rules files: FILES, STRICT, TEST, COVERAGE_MIN and JUNIT are inputs of the action. Problems become
# annotations, at paths from the root of the repository.
set -uo pipefail

for name in STRICT TEST; do
	if [[ ! ${!name} =~ ^(true|false)$ ]]; then
		printf '::error title=qase-relay::%s: want true or false, not %q\n' "${name,,}" "${!name}"
		exit 2
	fi
done
if [[ ! $COVERAGE_MIN =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
	printf '::error title=qase-relay::coverage-min: want a percentage, not %q\n' "$COVERAGE_MIN"
	exit 2
fi
read -ra files <<<"$FILES"
if [ ${#files[@]} = 0 ]; then
	printf '::error title=qase-relay::files: name a rules file, such as rules.yaml\n'
	exit 2
fi

# annotated prefixes the files of annotations, which are relative to the working directory.
annotated() {
	local folder=${PREFIX#./}
	folder=${folder%/}
	case $folder in
	"" | . | /*) cat ;;
	*) sed -E "s|^(::[a-z]+ file=)([^/])|\1$folder/\2|" ;;
	esac
}

code=0
options=(--format github --no-secrets)
[ "$STRICT" = false ] || options+=(--strict)
qase-relay check "${options[@]}" "${files[@]}" 2>&1 | annotated || code=$?
if [ "$TEST" = true ]; then
	options=(--format github --coverage)
	[ "$COVERAGE_MIN" = 0 ] || options+=(--coverage-min "$COVERAGE_MIN")
	[ -z "$JUNIT" ] || options+=(--junit "$JUNIT")
	qase-relay test "${options[@]}" "${files[@]}" 2>&1 | annotated || code=$?
fi
exit "$code"
