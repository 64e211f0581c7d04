package terminal

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
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

// devel is the version that Go gives to a build of which it knows none.
const devel = "(devel)"

// Build returns the version, revision and platform of this program. The version is the one that was given to the
// linker, else that of the module, else one made of the revision of the clone.
func Build(linked string) BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return buildOf(linked, info)
}

func buildOf(linked string, info *debug.BuildInfo) BuildInfo {
	b := BuildInfo{Version: cmp.Or(linked, info.Main.Version, devel), Revision: "unknown", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	vcs := map[string]string{}
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	revision := vcs["vcs.revision"]
	b.Revision = cmp.Or(revision, b.Revision)
	if b.Version != devel || revision == "" {
		return b
	}
	at, err := time.Parse(time.RFC3339, vcs["vcs.time"])
	if err != nil {
		at = time.Time{}
	}
	b.Version = "v0.0.0-" + at.UTC().Format("20060102150405") + "-" + revision[:min(12, len(revision))]
	if vcs["vcs.modified"] == "true" {
		b.Version += "+dirty"
	}
	return b
}
