//go:build linux

package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAServiceReportsItsStartAndItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	p, err := startProcess(processOptions{dir: dir, env: []string{"NOTIFY_SOCKET=" + socket.LocalAddr().String()},
		args: []string{"serve", "--rules", writeRules(t, `
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret]}]
notifiers: [{name: ops, type: http, url: "https://ops.example.com/hook"}]
rules: [{name: r, when: 'event_name == "run.completed"', notify: [ops]}]
`), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	report := func() string {
		data := make([]byte, 1024)
		_ = socket.SetReadDeadline(time.Now().Add(patience))
		n, err := socket.Read(data)
		if err != nil {
			t.Fatalf("%v; its log: %s", err, p.log.text())
		}
		return string(data[:n])
	}
	if got := report(); !strings.HasPrefix(got, "READY=1\nSTATUS=qase-relay ") ||
		!strings.Contains(got, " 1 rules, 1 notifiers, admin address http://127.0.0.1:") {
		t.Errorf("at its start: %q", got)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if got := report(); got != "STOPPING=1" {
		t.Errorf("at its end: %q", got)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d: %s", code, p.log.text())
	}
}
