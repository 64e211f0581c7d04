#!/usr/bin/env bash
# Prints the Homebrew formula of a release: formula.sh VERSION URL CHECKSUMS, where URL/ARCHIVE are its archives.
set -euo pipefail

# block prints where an archive is, and its checksum: block VERSION URL CHECKSUMS SYSTEM
block() {
	local archive="qase-relay_$1_$4.tar.gz" sum
	sum=$(awk -v a="$archive" '$2 == a {print $1}' "$3")
	[ -n "$sum" ] || return 0
	printf '      url "%s/%s"\n      sha256 "%s"\n' "$2" "$archive" "$sum"
}

cat <<RUBY
class QaseRelay < Formula
  desc "Receives Qase webhooks, applies rules, and notifies people"
  homepage "${2%/releases/*}"
  version "$1"
  license "Apache-2.0"

  on_macos do
    on_arm do
$(block "$@" darwin_arm64)
    end
    on_intel do
$(block "$@" darwin_amd64)
    end
  end
  on_linux do
    on_arm do
$(block "$@" linux_arm64)
    end
    on_intel do
$(block "$@" linux_amd64)
    end
  end

  def install
    bin.install "qase-relay"
    man1.install Dir["man1/*.1.gz"]
    bash_completion.install "completions/qase-relay.bash" => "qase-relay"
    zsh_completion.install "completions/_qase-relay"
    fish_completion.install "completions/qase-relay.fish"
    doc.install "THIRD_PARTY_LICENSES", "rules.example.yaml"
  end

  service do
    run [opt_bin/"qase-relay", "serve", "--rules", etc/"qase-relay/rules.yaml", "--store", "sqlite:#{var}/qase-relay/relay.db"]
    keep_alive true
    log_path var/"log/qase-relay.log"
    error_log_path var/"log/qase-relay.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/qase-relay --version")
    system bin/"qase-relay", "init", "rules.yaml"
    system bin/"qase-relay", "test", "rules.yaml"
  end
end
RUBY
