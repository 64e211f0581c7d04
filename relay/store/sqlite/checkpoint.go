package sqlite

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"qaserelay/relay/store/sqlite/conn"
)

// The write-ahead log is moved into the file in the background after every passivePages. Beside a busy writer that
// never catches up, so that the log cannot start again from its beginning; from restartPages on, the writer waits for
// it.
const (
	passivePages = 32 << 20 / conn.PageSize
	restartPages = 96 << 20 / conn.PageSize
)

// checkpointer moves the write-ahead log into the file, on a connection of its own, beside the writer.
type checkpointer struct {
	conn    *conn.Conn
	writer  *writer
	log     *slog.Logger
	written atomic.Int64  // pages written since the last checkpoint began
	wake    chan struct{} // holds one token when there is work
	quit    chan struct{}
	done    chan struct{}
}

func newCheckpointer(c *conn.Conn, w *writer, log *slog.Logger) *checkpointer {
	k := &checkpointer{conn: c, writer: w, log: log}
	k.wake, k.quit, k.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	return k
}

// loop runs until stop.
func (k *checkpointer) loop() {
	defer close(k.done)
	for {
		select {
		case <-k.quit:
			return
		case <-k.wake:
		}
		if err := k.checkpoint(); err != nil {
			k.log.Warn("checkpoint failed", "error", k.writer.checkBroken(err))
		}
	}
}

func (k *checkpointer) stop() error {
	close(k.quit)
	<-k.done
	return k.conn.Close()
}

// count is called by the writer after each transaction.
func (k *checkpointer) count(c *conn.Conn) {
	pages, err := c.PagesWritten()
	if err != nil || k.written.Add(int64(pages)) < passivePages {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// checkpoint moves the log, unless the disk did not confirm it: then a start has to see how much of it is whole.
func (k *checkpointer) checkpoint() error {
	if k.writer.isBroken() {
		return nil
	}
	k.written.Store(0)
	frames, err := k.move("PRAGMA wal_checkpoint(PASSIVE)")
	if err == nil && frames >= restartPages {
		err = k.restart()
	}
	return err
}

// restart moves everything while the writer waits, so that the log begins anew.
func (k *checkpointer) restart() error {
	k.writer.mu.Lock()
	defer k.writer.mu.Unlock()
	if k.writer.isBroken() {
		return nil
	}
	_, err := k.move("PRAGMA wal_checkpoint(RESTART)")
	return err
}

// move runs a checkpoint and returns how long the log is, in pages.
func (k *checkpointer) move(how string) (frames int64, err error) {
	err = k.conn.Each(how, nil, func(r conn.Row) {
		frames = r.Int(1)
	})
	if err != nil {
		return 0, fmt.Errorf("running a checkpoint: %w", err)
	}
	return frames, nil
}
