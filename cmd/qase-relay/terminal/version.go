package terminal

import (
	"runtime"
	"runtime/debug"
)

type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func BuildFacts() buildInfo {
	f := buildInfo{Version: Version(), Revision: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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

func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
