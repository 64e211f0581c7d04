//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server of the tests' own, on a free port of the loopback.
type Cluster struct {
	dir, bin string
	port     int
	settings []string
	server   *exec.Cmd
	as       *syscall.Credential // the user of the server if the test runs as root, which the server refuses
	stopped  chan struct{}
}

// New starts a server for a test, or skips the test where none is installed, unless the environment requires it.
func New(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	dir, err := os.MkdirTemp("", "relay-postgres-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := run(tb, dir, settings)
	tb.Cleanup(func() { c.Stop(syscall.SIGQUIT) })
	return c
}

// In is New with the folder of the server, which remains. A folder that has a server's data is used again.
func In(tb testing.TB, dir string, settings ...string) *Cluster {
	tb.Helper()
	c := run(tb, dir, settings)
	tb.Cleanup(func() { c.Stop(syscall.SIGINT) })
	return c
}

func run(tb testing.TB, dir string, settings []string) *Cluster {
	tb.Helper()
	c, err := startCluster(dir, settings)
	required := slices.Contains(strings.Split(os.Getenv("QASE_RELAY_TEST_REQUIRE"), ","), "postgres")
	if errors.Is(err, errNoServer) && !required {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Schema makes an empty schema and returns its URL.
func (c *Cluster) Schema(tb testing.TB, name string) string {
	tb.Helper()
	c.Exec(tb, fmt.Sprintf("CREATE SCHEMA %s", name))
	return c.URL(name)
}

// Exec runs a statement, as an operator would.
func (c *Cluster) Exec(tb testing.TB, sql string) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), c.URL("public"))
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(context.Background(), sql)
	if err := errors.Join(err, conn.Close(context.Background())); err != nil {
		tb.Fatal(err)
	}
}

// errNoServer says that PostgreSQL is not installed.
var errNoServer = errors.New("no initdb in PATH or /usr/lib/postgresql/*/bin; " +
	"install PostgreSQL to run this test (apt-get install postgresql)")

// startCluster runs a server that waits for its disk, unless settings say otherwise.
func startCluster(dir string, settings []string) (c *Cluster, err error) {
	c = &Cluster{dir: dir, settings: settings}
	if c.bin, err = findServer(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := c.dropRoot(); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION")); err != nil {
		if err := c.init(); err != nil {
			return nil, err
		}
	}
	return c, c.Start()
}

func findServer() (folder string, err error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoServer
	}
	return filepath.Dir(slices.Max(found)), nil
}

func (c *Cluster) init() error {
	initdb := c.command("initdb", "-D", filepath.Join(c.dir, "data"), "-U", "relay", "-A", "trust", "-E", "UTF8",
		"--locale=C", "--no-sync")
	out, err := initdb.CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a cluster: %w\n%s", err, out)
	}
	return nil
}

// dropRoot chooses the user of the server.
func (c *Cluster) dropRoot() error {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return errors.Join(err1, err2, os.Chown(c.dir, int(uid), int(gid)))
	}
	return errors.New("the server cannot be run by root, and there is neither a user postgres nor nobody")
}

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	return cmd
}

// Start returns when the server answers. A second start uses the same port and data.
func (c *Cluster) Start() error {
	if c.port == 0 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		c.port = ln.Addr().(*net.TCPAddr).Port
		if err := ln.Close(); err != nil {
			return err
		}
	}
	args := []string{"-D", filepath.Join(c.dir, "data"), "-p", strconv.Itoa(c.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + c.dir}
	for _, s := range append([]string{"max_connections=300", "log_min_messages=error"}, c.settings...) {
		args = append(args, "-c", s)
	}
	var log strings.Builder
	c.server = c.command("postgres", args...)
	c.server.Stderr = &log
	endWithUs(c.server.SysProcAttr)
	if err := c.server.Start(); err != nil {
		return err
	}
	c.stopped = make(chan struct{})
	go func(cmd *exec.Cmd, stopped chan struct{}) { _ = cmd.Wait(); close(stopped) }(c.server, c.stopped)
	return c.await(&log)
}

func (c *Cluster) await(log fmt.Stringer) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-c.stopped:
			return fmt.Errorf("the server ended: %s", log)
		case <-ctx.Done():
			return errors.New("the server does not answer")
		case <-look.C:
		}
		if conn, err := pgx.Connect(ctx, c.URL("public")); err == nil {
			return conn.Close(ctx)
		}
	}
}

// Stop ends the server as an operator does (SIGINT) or as a crash does (SIGQUIT).
func (c *Cluster) Stop(s syscall.Signal) {
	_ = c.server.Process.Signal(s)
	<-c.stopped
}

// PID is the number of the server's first process.
func (c *Cluster) PID() int { return c.server.Process.Pid }

// URL is where the tables of a schema are.
func (c *Cluster) URL(schema string) string {
	return fmt.Sprintf("postgres://relay:secret@127.0.0.1:%d/postgres?sslmode=disable&search_path=%s", c.port, schema)
}

// Address is where the server listens.
func (c *Cluster) Address() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }
