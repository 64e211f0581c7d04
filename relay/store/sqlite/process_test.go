package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
)

// childStore names the variable that makes the test binary a process that fills the store at that path.
const childStore = "QASE_RELAY_TEST_CHILD_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		if os.Getenv(childSlots) != "" {
			gather(path)
		} else {
			fill(path)
		}
		return
	}
	os.Exit(m.Run())
}

// childSlots names the variable that makes that process gather events in slots and fire them.
const childSlots = "QASE_RELAY_TEST_CHILD_SLOTS"

// fill accepts, claims and finishes without end, and prints the id of each event that was confirmed.
func fill(path string) {
	s, err := Open(context.Background(), path, Options{})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	l := newLoadOn(nil, s)
	var mu sync.Mutex
	for range 16 {
		go func() {
			for {
				id := l.Accept()
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		}()
	}
	l.DeliverAll(1 << 30)
}

func child(t *testing.T, path string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), childStore+"="+path), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

func TestNothingConfirmedIsLostWhenTheProcessIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	confirmed := map[store.ID]bool{}
	for _, enough := range []int{150, 300} {
		cmd, out := child(t, path)
		for killed := false; ; {
			line, err := out.ReadString('\n')
			if err == io.EOF {
				break // half a line is no confirmation
			}
			if err != nil {
				t.Fatal(err)
			}
			id, err := store.ParseID(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(line)
			}
			confirmed[id] = true
			if len(confirmed) >= enough && !killed {
				killed = true
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // reports the signal
		checkAll(t, path, confirmed)
	}
}

func checkAll(t *testing.T, path string, confirmed map[store.ID]bool) {
	t.Helper()
	s := openTest(t, path, nil)
	defer func() { _ = s.Close() }()
	for id := range confirmed {
		ev, err := s.Event(t.Context(), id)
		if err != nil {
			t.Fatalf("a confirmed event of %d: %v", len(confirmed), err)
		}
		if len(ev.Deliveries) != 1 || len(ev.Body) < 1024 {
			t.Fatalf("event %s is not whole", id)
		}
		if d, as, err := s.Delivery(t.Context(), ev.Deliveries[0]); err != nil || d.State == store.Sending ||
			len(as) != d.Attempts {
			t.Fatalf("delivery %s is %s with %d attempts (%v)", d.ID, d.State, len(as), err)
		}
	}
	if sending, _, err := s.Deliveries(t.Context(), store.DeliveryFilter{State: store.Sending}); err != nil ||
		len(sending) != 0 {
		t.Errorf("%d are still being sent (%v)", len(sending), err)
	}
	var verdict string
	if err := s.list(t.Context(), "PRAGMA integrity_check", nil, func(r conn.Row) { verdict = r.Str(0) }); err != nil ||
		verdict != "ok" {
		t.Errorf("integrity: %s (%v)", verdict, err)
	}
}

func TestOneProcessAtATimeUsesAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "relay.db")
	cmd, out := child(t, path)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, Options{})
	want := fmt.Sprintf("%s is in use by process %d on host ", path, cmd.Process.Pid)
	if err == nil || !strings.HasPrefix(err.Error(), want) ||
		!strings.HasSuffix(err.Error(), "; stop it, or give this one another --store") {
		t.Errorf("got %v, want %s…", err, want)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	s := openTest(t, path, nil)
	if _, err := Open(t.Context(), path, Options{}); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprint("by process ", os.Getpid())) {
		t.Errorf("in this process: %v", err)
	}
	cmd, out = child(t, path)
	if line, err := out.ReadString('\n'); err != nil || !strings.Contains(line, "in use by process") {
		t.Errorf("the other process says %q (%v)", line, err)
	}
	_ = cmd.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openTest(t, path, nil).Close(); err != nil {
		t.Fatal(err)
	}
}
