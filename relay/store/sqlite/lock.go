package sqlite

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// fileLock keeps a database to one process. The lock is on a file beside it, since closing any descriptor of the
// database itself would drop the locks of SQLite. The operating system releases it when the process ends, however
// that happens; what is written in the file is only for people. The file stays, since removing it would race.
type fileLock struct{ f *os.File }

func lockDatabase(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	free, err := tryLock(f)
	if err == nil && !free {
		err = fmt.Errorf("%s is in use%s; stop it, or give this one another --store", path, holder(f))
	} else if err == nil {
		err = sign(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &fileLock{f}, nil
}

// release gives the lock to whoever wants it.
func (l *fileLock) release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("releasing the lock: %w", err)
	}
	return nil
}

// sign writes who holds the lock. No fsync: it is of no use after a power loss.
func sign(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	text := fmt.Sprintf("process %d on host %s since %s\n", os.Getpid(), host, time.Now().Format(time.RFC3339))
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("emptying %s: %w", f.Name(), err)
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	return nil
}

// holder returns " by process 123 on host X since T", or nothing when the file does not say.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<10))
	if err != nil || !strings.HasPrefix(string(b), "process ") {
		return ""
	}
	return " by " + strings.TrimSpace(string(b))
}
