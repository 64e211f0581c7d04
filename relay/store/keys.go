package store

import (
	"math"
	"time"
)

// never is the expiry of what has none.
const never = math.MaxInt64

func Expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

type KeyValue struct {
	Value   []byte // nil if there is none
	Expires int64
}

// Keyed is a table whose rows expire. They are found by reading all of it now and then, since an index by time
// would cost every event more.
type Keyed struct {
	Table, Key string
	First      any // sorts before every key
}
