package conn

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

const codeInterrupt = 9

const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

func open(t *testing.T) *Conn {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A statement that begins forgets an interrupt from before. One more comes.
func TestAStatementIsInterruptedThatBeginsAsItsContextEnds(t *testing.T) {
	c := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := c.until(ctx)
	cancel()
	err := c.Run(endless)
	release()
	if ResultCode(err) != codeInterrupt {
		t.Errorf("got %v", err)
	}
	if err := c.Run("SELECT 1"); err != nil {
		t.Errorf("the next statement: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Query(ctx, endless, nil, func(Row) error { return nil }) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a query: %v", err)
	}
}

func TestArgumentsAreRefusedThatSQLiteCannotKeep(t *testing.T) {
	c := open(t)
	for name, args := range map[string][]any{"another type": {struct{}{}}, "too few": {}, "too many": {1, 2}} {
		if _, err := c.Exec("SELECT ?", args...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestValuesComeBack(t *testing.T) {
	c := open(t)
	long := string(make([]byte, 3<<20))
	for _, v := range []struct{ arg, want any }{
		{nil, nil}, {"", ""}, {"text", "text"}, {long, long}, {"after", "after"}, {7, int64(7)}, {true, int64(1)}, {false, int64(0)},
		{2.5, 2.5}, {Optional(0), nil}, {Optional(3), int64(3)}, {[]byte(nil), nil},
	} {
		if err := c.Each("SELECT ?", []any{v.arg}, func(r Row) {
			if r[0] != v.want {
				t.Errorf("%v came back as %v", v.arg, r[0])
			}
		}); err != nil {
			t.Errorf("%v: %v", v.arg, err)
		}
	}
	if err := c.Each("SELECT ?1, ?2, length(?2)", []any{[]byte("\x00blob"), []byte{}}, func(r Row) {
		if string(r.Bytes(0)) != "\x00blob" || len(r.Bytes(1)) != 0 || r[2] != int64(0) {
			t.Errorf("blobs came back as %v", r)
		}
	}); err != nil {
		t.Error(err)
	}
}
