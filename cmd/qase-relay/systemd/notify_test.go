//go:build linux

package systemd

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheStateReachesTheSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notify")
	for name, socket := range map[string]string{"a file": file, "an abstract name": "@qase-relay/" + file} {
		t.Run(name, func(t *testing.T) {
			server, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			t.Setenv("NOTIFY_SOCKET", socket)
			if err := Notify(Ready + "\nSTATUS=3 rules"); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 99)
			n, err := server.Read(got)
			if want := "READY=1\nSTATUS=3 rules"; err != nil || string(got[:n]) != want {
				t.Errorf("got %q, %v, want %q", got[:n], err, want)
			}
		})
	}
}

func TestNothingIsReportedWithoutASocket(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(Ready); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "missing"))
	if err := Notify(Ready); err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
		t.Errorf("a socket that does not exist: %v", err)
	}
}
