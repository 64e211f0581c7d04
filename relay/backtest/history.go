package backtest

import (
	"iter"

	"qaserelay/relay/admin"
)

// History gives stored events, the oldest first, until one cannot be read.
type History = iter.Seq2[admin.Exported, error]
