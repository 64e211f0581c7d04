package value

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
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

// AppendJSONString appends s as a JSON string. It leaves what is rare in texts to encoding/json.
func AppendJSONString(out []byte, s string) []byte {
	start, written := len(out), 0 // written is the length of the part of s that out has
	out = append(out, '"')
	for i, r := range s {
		switch {
		case r == '"', r == '\\', r == '\n':
			out = append(append(out, s[written:i]...), '\\')
			if written = i; r == '\n' {
				out, written = append(out, 'n'), i+1
			}
		case r < 0x20, r == utf8.RuneError, r == '\u2028', r == '\u2029':
			return appendEscaped(out[:start], s)
		}
	}
	return append(append(out, s[written:]...), '"')
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
