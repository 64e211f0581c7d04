package terminal

import (
	"runtime"
	"runtime/debug"
)

// BuildInfo describes the build of this program.
type BuildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Build returns the version, revision and platform of this program.
func Build() BuildInfo {
	f := BuildInfo{Version: Version(), Revision: "unknown", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return f
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			f.Revision = s.Value
		}
	}
	return f
}

// Version returns the version of this module.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
