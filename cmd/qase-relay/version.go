package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version [--json]",
		Short: "Print what this program was built from",
		Example: `  qase-relay version
  qase-relay version --json`,
		Args: argsBetween(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return c.writeJSON(buildFacts())
			}
			f := buildFacts()
			c.out.Printf("qase-relay %s\n  revision %s\n  %s %s\n", f.Version, f.Revision, f.Go, f.Platform)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildFacts() buildInfo {
	f := buildInfo{Version: version(), Revision: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
