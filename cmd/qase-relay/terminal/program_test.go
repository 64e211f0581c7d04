package terminal

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestMadeByGoRun(t *testing.T) {
	for exe, want := range map[string]bool{
		"/tmp/go-build1234/b001/exe/qase-relay":                                     true,
		"/home/me/.cache/go-build/ab/" + strings.Repeat("0f", 32) + "-d/qase-relay": true,
		"/srv/cache/ab/" + strings.Repeat("0f", 32) + "-d/qase-relay":               true,
		"/usr/local/bin/qase-relay":                                                 false,
		"/home/me/go/bin/qase-relay":                                                false,
		"/tmp/qase-relay":                                                           false,
	} {
		if got := madeByGoRun(exe); got != want {
			t.Errorf("%s: got %v", exe, got)
		}
	}
}

func TestTheVersionIsThatOfTheLinkerOrTheModuleOrTheClone(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"},
			{Key: "vcs.time", Value: "2026-11-27T07:30:05+01:00"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, c := range []struct {
		name, linked, module string
		settings             []debug.BuildSetting
		want                 string
	}{
		{"a release", "v1.2.3", "(devel)", vcs("false"), "v1.2.3"},
		{"an installed module", "", "v1.2.2", nil, "v1.2.2"},
		{"a clone", "", "(devel)", vcs("false"), "v0.0.0-20261127063005-0123456789ab"},
		{"a changed clone", "", "", vcs("true"), "v0.0.0-20261127063005-0123456789ab+dirty"},
		{"files without git", "", "(devel)", nil, "(devel)"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.module}, Settings: c.settings}
		if got := buildOf(c.linked, info).Version; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
