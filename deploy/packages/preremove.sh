#!/bin/sh
# Before the program goes; not before an update, which passes upgrade (Debian) or 1 (RPM).
set -e
case "${1:-}" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now qase-relay.service
fi
