package terminal

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
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

// BuildInfo describes the build of this program.
type BuildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Build returns the version, revision and platform of this program.
func Build() BuildInfo {
	b := BuildInfo{Version: "(devel)", Revision: "unknown", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}
