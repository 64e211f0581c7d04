package value

import (
	"math"
	"strconv"
	"time"
)

// Number reads a JSON number. 7.0 and 7e2 are whole. What is beyond float64 becomes its largest value, since expr and
// JSON know no infinity.
func Number(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64)
	f = max(-math.MaxFloat64, min(f, math.MaxFloat64))
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

func Float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case time.Duration:
		return v.Seconds(), true
	}
	return 0, false
}
