package sampledlog

import (
	"sync"
	"time"
)

// Limit lets so many lines through each second, and counts the lines that it left out. PerSecond is set before the
// first use. It may be used from many goroutines.
type Limit struct {
	PerSecond int

	mu      sync.Mutex
	second  int64 // the current one
	lines   int   // let through in it
	leftOut int   // since the last line or Flush
}

// Admit reports whether a line may be written now, and if so, how many were left out before it.
func (l *Limit) Admit(now time.Time) (leftOut int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second {
		l.second, l.lines = second, 0
	}
	if l.lines >= l.PerSecond {
		l.leftOut++
		return 0, false
	}
	l.lines++
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}

// Flush returns how many lines were left out in seconds that are over and have not been reported.
func (l *Limit) Flush(now time.Time) (leftOut int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Unix() != l.second {
		leftOut, l.leftOut = l.leftOut, 0
	}
	return leftOut
}
