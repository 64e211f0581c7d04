package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"qaserelay/relay/qaseapi/standin"
)

// patience limits the wait for an expected state, on a machine that may be busy.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	// Most of these tests wait for processes, so more of them run at a time than there are cores. The command line may
	// say otherwise.
	if err := flag.Set("test.parallel", "8"); err != nil {
		log.Fatal(err)
	}
	for name, value := range plantedVariables() {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
	}
	testscript.Main(m, map[string]func(){"qase-relay": main, "bare-handler": bareHandler})
}

// TestScript runs the program as its users do. Beside the usual commands, scripts have:
//
//	relay ARGS…       start a relay on free ports; sets $HOOK and $ADMIN
//	end SIGNAL CODE   send it a signal and wait until it ends with this code
//	logged REGEX      wait until it has logged a line like this, after those found before
//	receiver          start a web server; sets $RECEIVER
//	received REGEX    wait until it got a body like this, after those found before
//	get URL           print what a GET returns, the status first
//	qase              start a stand-in for the Qase API, with a project WEB; sets $QASE
//	taken             listen on a port; sets $TAKEN to the address
//	exitcode N CMD…   run a command that has to end with N
//	until REGEX CMD…  run a command until it prints a line like this
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			s := &scriptWorld{receivedLines: newLines()}
			env.Values[worldKey{}] = s
			env.Setenv("NO_PROXY", "*")
			env.Defer(s.end)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"relay": startRelay, "end": stopRelay, "logged": awaitLog, "receiver": startReceiver, "received": awaitBody,
			"get": getURL, "taken": takePort, "exitcode": exitCode, "until": untilPrinted,
			"qase": startQase,
		},
	})
}

type worldKey struct{}

// scriptWorld holds the servers of one script.
type scriptWorld struct {
	relay         *process
	receiver      *httptest.Server
	qase          *httptest.Server
	receivedLines *lines
	taken         []net.Listener
}

func (s *scriptWorld) end() {
	if s.relay != nil {
		s.relay.kill()
	}
	if s.receiver != nil {
		s.receiver.Close()
	}
	if s.qase != nil {
		s.qase.Close()
	}
	for _, ln := range s.taken {
		_ = ln.Close()
	}
}

// startQase starts a Qase API that knows a project WEB, and a project OFF that its token may not read.
func startQase(ts *testscript.TestScript, _ bool, _ []string) {
	s := worldOf(ts)
	s.qase = httptest.NewServer(standin.New(standin.World{Token: "t0ken-of-qase", Projects: []*standin.Project{
		{Code: "WEB", Title: "Shop"}, {Code: "OFF", Title: "Office", Hidden: true}}}))
	ts.Setenv("QASE", s.qase.URL+"/v1")
}

func worldOf(ts *testscript.TestScript) *scriptWorld { return ts.Value(worldKey{}).(*scriptWorld) }

func startRelay(ts *testscript.TestScript, _ bool, args []string) {
	s := worldOf(ts)
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	p, err := startProcess(processOptions{dir: ts.MkAbs("."), args: args, env: []string{
		"QASE_WEBHOOK_SECRET=" + ts.Getenv("QASE_WEBHOOK_SECRET"), "RECEIVER=" + ts.Getenv("RECEIVER"), "NO_PROXY=*",
		"CREDENTIALS_DIRECTORY=" + ts.Getenv("CREDENTIALS_DIRECTORY")}})
	ts.Check(err)
	s.relay = p
	started, ok := p.log.await(`msg="relay started".* admin=(\S+)`)
	if !ok {
		p.kill()
		ts.Fatalf("the relay did not start:\n%s", p.log.text())
	}
	ts.Setenv("ADMIN", started[1])
	taking, ok := p.log.await(`msg="taking events".* url=(\S+)`)
	if !ok {
		ts.Fatalf("the relay takes no events:\n%s", p.log.text())
	}
	ts.Setenv("HOOK", taking[1])
}

func stopRelay(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: end SIGNAL CODE")
	}
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL,
		"HUP": syscall.SIGHUP}
	p := worldOf(ts).relay
	ts.Check(p.cmd.Process.Signal(signals[args[0]]))
	if args[1] == "-" {
		return
	}
	code := p.wait()
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("the relay ended with %d, want %s:\n%s", code, args[1], p.log.text())
	}
	ts.Logf("%s", p.log.text())
}

func awaitLog(ts *testscript.TestScript, _ bool, args []string) {
	p := worldOf(ts).relay
	if _, ok := p.log.await(strings.Join(args, " ")); !ok {
		ts.Fatalf("not logged:\n%s", p.log.text())
	}
}

func startReceiver(ts *testscript.TestScript, _ bool, _ []string) {
	s := worldOf(ts)
	s.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/absent" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "no such hook")
			return
		}
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
			return
		}
		s.receivedLines.add(string(body))
	}))
	ts.Setenv("RECEIVER", s.receiver.URL)
}

func awaitBody(ts *testscript.TestScript, neg bool, args []string) {
	s := worldOf(ts)
	if neg {
		if regexp.MustCompile(args[0]).MatchString(s.receivedLines.text()) {
			ts.Fatalf("was received:\n%s", s.receivedLines.text())
		}
		return
	}
	if _, ok := s.receivedLines.await(args[0]); !ok {
		ts.Fatalf("not received; there is:\n%s", s.receivedLines.text())
	}
}

func getURL(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n%s\n", resp.Status, body)
	ts.Check(err)
}

func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func untilPrinted(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[0])
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if out := ts.ReadFile("stdout"); want.MatchString(out) {
			return
		} else if time.Since(start) > patience {
			ts.Fatalf("never printed; there is:\n%s", out)
		}
	}
}

func takePort(ts *testscript.TestScript, _ bool, _ []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	s := worldOf(ts)
	s.taken = append(s.taken, ln)
	ts.Setenv("TAKEN", ln.Addr().String())
}
