package value

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// JSONText returns a value as JSON with sorted keys.
func JSONText(v any) string { return string(AppendJSON(nil, v)) }

// AppendJSON appends v as JSON. It writes the types of events itself, which takes half the time of encoding/json
// (BenchmarkAppendJSON), and leaves others to encoding/json.
func AppendJSON(out []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case int:
		return strconv.AppendInt(out, int64(v), 10)
	case string:
		return AppendJSONString(out, v)
	case RawJSON:
		return append(out, v.Text...)
	case Link, Mention, time.Duration:
		return AppendJSONString(out, PlainText(v))
	case []any:
		out = append(out, '[')
		for i, x := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = AppendJSON(out, x)
		}
		return append(out, ']')
	case map[string]any:
		var buffer [24]string
		out = append(out, '{')
		for i, key := range AppendSortedKeys(buffer[:0], v) {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(AppendJSONString(out, key), ':')
			out = AppendJSON(out, v[key])
		}
		return append(out, '}')
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return append(out, "null"...)
	}
	return append(out, encoded...)
}

// AppendJSONString appends s as a JSON string.
func AppendJSONString(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			return appendEscaped(out, s)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}

// appendEscaped does not escape < > &, since people read the text too.
func appendEscaped(out []byte, s string) []byte {
	var buffer bytes.Buffer
	enc := json.NewEncoder(&buffer)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(out, `""`...)
	}
	return append(out, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}
