package terminal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// DefaultRules is the rules file of commands that are given none.
const DefaultRules = "rules.yaml"

// DefaultAdminURL is the admin address of serve, unless --admin-listen gives another.
const DefaultAdminURL = "http://127.0.0.1:9090"

// DefaultSendTo is the webhook address of the source that init writes.
const DefaultSendTo = "http://127.0.0.1:8080/webhooks/qase"

// Program returns the command that started this program. Commands for the user to copy begin with it.
func Program() string {
	exe, err := os.Executable()
	if err != nil || !madeByGoRun(exe) {
		return "qase-relay"
	}
	return "go run ./cmd/qase-relay"
}

// madeByGoRun reports whether `go run` built an executable: it is in a temporary folder or in the build cache.
func madeByGoRun(exe string) bool {
	dir := filepath.ToSlash(filepath.Dir(exe))
	return strings.Contains(dir, "/go-build") || cacheFolder.MatchString(filepath.Base(dir))
}

// cacheFolder matches a folder of the build cache that holds an executable.
var cacheFolder = regexp.MustCompile(`^[0-9a-f]{64}-d$`)
