package terminal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Program is how the person at the console calls this program: commands to be copied begin with it.
func Program() string {
	exe, err := os.Executable()
	if err != nil || !madeByGoRun(exe) {
		return "qase-relay"
	}
	return "go run ./cmd/qase-relay"
}

// madeByGoRun reports whether an executable lies where `go run` puts it: in a folder of its own that is deleted
// afterwards, or in the build cache.
func madeByGoRun(exe string) bool {
	dir := filepath.ToSlash(filepath.Dir(exe))
	return strings.Contains(dir, "/go-build") || cacheFolder.MatchString(filepath.Base(dir))
}

// cacheFolder matches a folder of the build cache that holds an executable.
var cacheFolder = regexp.MustCompile(`^[0-9a-f]{64}-d$`)
