#!/bin/sh
# Writes the licences of all that is linked into the program: sh deploy/packages/licenses.sh > FILE. A module without a
# licence fails it.
set -eu
cd "$(dirname "$0")/../.."
modules=$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/qase-relay | sort -u)
printf 'qase-relay contains the Go standard library and the modules below, under these licences.\n'
print() { # NAME VERSION FILE…
	printf '\n================================================================================\n%s %s\n' "$1" "$2"
	shift 2
	for file; do
		printf -- '--------------------------------------------------------------------------------\n'
		cat "$file"
	done
}
root=$(go env GOROOT)
if [ -e "$root/LICENSE" ]; then
	print Go "$(go env GOVERSION)" "$root/LICENSE"
fi
printf '%s\n' "$modules" | while read -r path version dir; do
	[ -n "$path" ] || continue
	files=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort)
	if [ -z "$files" ]; then
		printf 'the module %s %s has no licence\n' "$path" "$version" >&2
		exit 1
	fi
	# shellcheck disable=SC2086
	print "$path" "$version" $files
done
