package memory

import (
	"time"

	"qaserelay/rules/value"
)

const (
	maxSmallField = 300     // bytes of one field of an entity that is kept with a message
	maxSmallBytes = 2 << 10 // of all of them
)

// SmallFields returns the fields whose JSON is short, without those that the relay computes.
func SmallFields(fields map[string]any) map[string]any {
	kept, size := map[string]any{}, 0
	var buffer [24]string
	for _, key := range value.AppendSortedKeys(buffer[:0], fields) {
		v := fields[key]
		if t, isTime := v.(time.Time); isTime {
			v = t.Format(time.RFC3339)
		}
		length := len(value.AppendJSON(nil, v)) + len(key)
		if v == nil || length > maxSmallField || size+length > maxSmallBytes {
			continue
		}
		kept[key], size = v, size+length
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}
